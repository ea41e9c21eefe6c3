import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ReadAudit, StaleRights } from '#fhir-store';
import { recordRead } from '../fhir/read-audit.js';
import { JSON_TYPE, sendText } from '../http/send.js';
import { sessionOf } from '../tenant/request-tenant.js';
import { describeMember } from './current-member.js';

@Controller('auth')
export class AuthMeController {
  constructor(private readonly audit: ReadAudit) {}

  /** Who the caller is, for people and clients alike. */
  @Get('me')
  async me(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const session = sessionOf(request);
    const member = await describeMember(session, request.id).catch(async (error: unknown) => {
      if (!(error instanceof StaleRights)) throw error;
      await session.renew();
      return describeMember(session, request.id);
    });
    recordRead(this.audit, request, 'auth/me', 'success');
    void reply.header('cache-control', 'no-store');
    return sendText(request, reply, 200, JSON.stringify(member), JSON_TYPE);
  }
}
