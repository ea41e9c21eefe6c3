import { Controller, Get, Post, HttpCode, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type JsonObject, unauthorized } from '#fhir';
import { ResourceRepository } from '#fhir-store';
import { foundOrUndefined, UNREADABLE } from '../found-or-undefined.js';
import { InPerson } from '../in-person.decorator.js';
import { MemberReader } from '../me/member-reader.js';
import { principalOfMembership } from '../open-principal.js';
import type { Session } from '../session.js';
import { sendOAuth } from '../token/oauth-answer.js';
import { withCurrentRights } from '../with-current-rights.js';
import { userinfoClaims } from './userinfo-claims.js';

/** OpenID Connect Core section 5.3. */
@InPerson()
@Controller('oauth2')
export class UserinfoController {
  /** What the scopes of the caller's log-in, and the caller's policy, let an app know about the person. */
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
  // Under the rights of the session, so that one that is over is told nothing.
  const login = loginId === undefined ? undefined : await new MemberReader(session, requestId).find(`Login/${loginId}`);
  const scope = typeof login?.scope === 'string' ? login.scope : '';
  return userinfoClaims(current.profile.reference, await readableProfile(session, requestId), scope);
}

/**
 * The person's own profile as far as their policy lets them read it; empty where it does not. What of it an app is told,
 * scopes like `profile` and `email` decide; SMART scopes are about the FHIR API and say nothing of it.
 */
async function readableProfile({ runtime, current }: Session, requestId: string): Promise<JsonObject> {
  const { membershipId, user, profile } = current;
  const member = await principalOfMembership(runtime, membershipId, user);
  if (member === undefined) throw unauthorized();
  const { policy, epoch } = member;
  const repository = new ResourceRepository(runtime.database, { policy, epoch, agent: profile.reference, requestId });
  const [type = '', id = ''] = profile.reference.split('/');
  const stored = await foundOrUndefined(() => repository.read(type, id), UNREADABLE);
  return stored === undefined ? {} : (JSON.parse(stored.body) as JsonObject);
}
