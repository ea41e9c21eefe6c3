import { Controller, Get, Post, HttpCode, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { InPerson } from '../in-person.decorator.js';
import { MemberReader } from '../me/member-reader.js';
import type { Session } from '../session.js';
import { sendOAuth } from '../token/oauth-answer.js';
import { withCurrentRights } from '../with-current-rights.js';
import { userinfoClaims } from './userinfo-claims.js';

/** OpenID Connect Core section 5.3. */
@InPerson()
@Controller('oauth2')
export class UserinfoController {
  /** What the scopes of the caller's log-in let an app know about the person. */
  @Get('userinfo')
  async userinfo(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const claims = await withCurrentRights(request, (session) => describe(session, request.id));
    return sendOAuth(request, reply, 200, claims);
  }

  @Post('userinfo')
  @HttpCode(200)
  userinfoByPost(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.userinfo(request, reply);
  }
}

async function describe(session: Session, requestId: string): Promise<object> {
  const { current, loginId } = session;
  const reader = new MemberReader(session, requestId);
  const [profile, login] = await Promise.all([
    reader.find(current.profile.reference),
    loginId === undefined ? undefined : reader.find(`Login/${loginId}`),
  ]);
  const scope = typeof login?.scope === 'string' ? login.scope : '';
  return userinfoClaims(current.profile.reference, profile ?? {}, scope);
}
