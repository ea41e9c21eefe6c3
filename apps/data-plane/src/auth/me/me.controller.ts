import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { JsonObject } from '#fhir';
import { ReadAudit } from '#fhir-store';
import { recordRead } from '../../fhir/read-audit.js';
import { SignedAttachments } from '../../storage/signed-attachments.js';
import { InPerson } from '../in-person.decorator.js';
import { sendAnswer } from '../uncached-answer.js';
import { withCurrentRights } from '../with-current-rights.js';
import { describeMember } from './current-member.js';
import { MemberReader } from './member-reader.js';
import { describeTenants } from './tenants.js';

/** What the caller may know about itself. */
@Controller('auth')
export class MeController {
  constructor(
    private readonly audit: ReadAudit,
    private readonly attachments: SignedAttachments,
  ) {}

  /** Who the caller is, for people and clients alike. */
  @Get('me')
  async me(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const member = await withCurrentRights(request, (session) =>
      describeMember(session, new MemberReader(session, request.id)),
    );
    recordRead(this.audit, request, 'auth/me', 'success');
    // Apps show who is logged in by the photo of the profile.
    const profile = await this.attachments.signed(request, JSON.stringify(member.profile));
    const shown = { ...member, profile: JSON.parse(profile) as JsonObject };
    return sendAnswer(request, reply, shown);
  }

  /** The organizations that the parameters of the caller's membership allow, to choose one from. */
  @InPerson()
  @Get('tenants')
  async tenants(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const tenants = await withCurrentRights(request, (session) =>
      describeTenants(session, new MemberReader(session, request.id)),
    );
    recordRead(this.audit, request, 'auth/tenants', 'success');
    return sendAnswer(request, reply, tenants);
  }
}
