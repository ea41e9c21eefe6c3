import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { generateSecret, hashPassword } from '#platform';
import { securityLink } from '../auth/account/security-requests.js';
import { jsonFields } from '../auth/json-fields.js';
import { DataPlaneLogger } from '../data-plane-logger.js';
import { Mail } from '../mail/mail.js';
import { BaseUrls } from '../tenant/base-urls.js';
import { sessionOf } from '../tenant/request-tenant.js';
import { sendResource } from './admin-answer.js';
import { readInvitation } from './invitation.js';
import { invitationMail } from './invitation-mail.js';
import { invite, type Invited } from './invite.js';
import { ProjectAdministration } from './project-administration.js';

@Controller('admin')
export class InvitationsController {
  constructor(
    private readonly administration: ProjectAdministration,
    private readonly baseUrls: BaseUrls,
    private readonly mail: Mail,
    private readonly logger: DataPlaneLogger,
  ) {}

  /** Makes somebody a member of the project and tells them by mail. */
  @Post(['projects/:projectId/invite', 'invite'])
  async invite(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.administration.assertAdministrator(request, 'C', 'admin/invite');
    const invitation = readInvitation(jsonFields(request));
    const { projectId, name } = sessionOf(request).runtime.entry;
    // Hashing takes long, and no other change of rights should wait for it.
    const passwordHash =
      invitation.password === undefined ? {} : { passwordHash: await hashPassword(invitation.password, projectId) };
    const linkSecret = generateSecret();
    const invited = await this.administration.run(request, 'C', 'admin/invite', (administration, administrator) =>
      invite(administration, invitation, {
        project: { reference: `Project/${projectId}`, display: name },
        inviter: administrator.user,
        linkSecret,
        ...passwordHash,
      }),
    );
    await this.tell(request, invited, linkSecret);
    return sendResource(request, reply, 200, invited.membership);
  }

  /**
   * Sends the mail that is due. Somebody is a member by now, so when it cannot be sent the invitation still has succeeded;
   * whoever waits for the mail can ask for a new password.
   */
  private async tell(request: FastifyRequest, { mail, membership }: Invited, linkSecret: string): Promise<void> {
    if (mail === undefined) return;
    const { entry } = sessionOf(request).runtime;
    const baseUrl = this.baseUrls.canonicalOf(entry);
    const link = mail.request === undefined ? {} : { link: securityLink(baseUrl, 'invite', mail.request, linkSecret) };
    try {
      await this.mail.send(entry.projectId, invitationMail({ to: mail.to, projectName: entry.name, baseUrl, ...link }));
    } catch (error) {
      this.logger.logger.error(
        { projectId: entry.projectId, membership: membership.id, requestId: request.id, err: error },
        'the mail of an invitation could not be sent',
      );
    }
  }
}
