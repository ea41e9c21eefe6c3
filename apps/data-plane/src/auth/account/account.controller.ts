import { Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { badRequest, notFound } from '#fhir';
import { changePassword, findLoginsOf, normalizedEmail, revokeLogins, userIdOf } from '#fhir-store';
import { hashPassword } from '#platform';
import { BaseUrls } from '../../tenant/base-urls.js';
import { sessionOf, tenantOf } from '../../tenant/request-tenant.js';
import { TenantRuntimes } from '../../tenant/tenant-runtime.js';
import { InPerson } from '../in-person.decorator.js';
import { jsonFields } from '../json-fields.js';
import { LoginBackoff } from '../login-backoff.js';
import { PersonAuthenticator } from '../login/person-authenticator.js';
import { chosenPassword } from '../password-rules.js';
import { Public } from '../public.decorator.js';
import { sendDone } from '../uncached-answer.js';
import { withCurrentRights } from '../with-current-rights.js';
import { SecurityRequests } from './security-requests.js';

/** What people do with their own account. Every answer is an OperationOutcome. */
@InPerson()
@Controller('auth')
export class AccountController {
  constructor(
    private readonly runtimes: TenantRuntimes,
    private readonly people: PersonAuthenticator,
    private readonly requests: SecurityRequests,
    private readonly baseUrls: BaseUrls,
    private readonly backoff: LoginBackoff,
  ) {}

  /** Changes the caller's password. Their other log-ins end: whoever knew the old one is out. */
  @Post('changepassword')
  @HttpCode(200)
  async changePassword(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const fields = jsonFields(request);
    const oldPassword = fields.raw('oldPassword') ?? fields.required('oldPassword');
    const newPassword = chosenPassword(fields, 'newPassword');
    fields.check();
    const session = sessionOf(request);
    // Before a password is looked at: who has been logged out gets no more attempts at it.
    await session.refresh();
    const { runtime, current, loginId } = session;
    if (!current.user.startsWith('User/')) throw badRequest('Only people have a password');
    const userId = userIdOf(current.user);
    if (!(await this.people.confirm(runtime, userId, oldPassword, request.ip))) {
      throw badRequest('The password is wrong', { expression: ['oldPassword'] });
    }
    const change = {
      userId,
      hash: await hashPassword(newPassword, runtime.entry.projectId),
      keptLogins: loginId === undefined ? [] : [loginId],
    };
    await withCurrentRights(request, () => changePassword(runtime.database, session.caller(request.id), change));
    return sendDone(request, reply, 'Password changed');
  }

  /**
   * Sends a link with which the password can be set. The answer is the same, and is given at the same time, for unknown
   * addresses: what is done for known ones begins after it. Wishes for one address are slowed down like failed log-ins, so
   * that nobody's mailbox is filled.
   */
  @Public()
  @Post('resetpassword')
  @HttpCode(200)
  async resetPassword(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const fields = jsonFields(request);
    const email = fields.required('email');
    fields.check();
    const tenant = tenantOf(request);
    const runtime = await this.runtimes.of(tenant.entry);
    await this.backoff.begin(runtime, {
      account: `reset ${normalizedEmail(email)}`,
      address: request.ip,
      secret: 'none',
    });
    const baseUrl = this.baseUrls.canonicalOf(tenant.entry);
    await sendDone(request, reply, 'If there is such an account, a link has been sent to it');
    this.requests.sendReset(runtime, email, baseUrl, request.id).catch((error: unknown) => {
      runtime.logger.error({ err: error, requestId: request.id }, 'a link to set a password could not be sent');
    });
  }

  /** Sets a password with the secret of a link. All log-ins of that person end. */
  @Public()
  @Post('setpassword')
  @HttpCode(200)
  async setPassword(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const fields = jsonFields(request);
    const [id, secret] = [fields.required('id'), fields.required('secret')];
    const password = chosenPassword(fields, 'password');
    fields.check();
    const runtime = await this.runtimes.of(tenantOf(request).entry);
    const wasSet = await this.requests.setPassword(runtime, { id, secret }, password, request.id);
    if (!wasSet) throw badRequest('This link is not valid any more', { expression: ['secret'] });
    return sendDone(request, reply, 'Password set');
  }

  /** Confirms that somebody can read the mail of their address. */
  @Public()
  @Post('verifyemail')
  @HttpCode(200)
  async verifyEmail(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const fields = jsonFields(request);
    const [id, secret] = [fields.required('id'), fields.required('secret')];
    fields.check();
    const runtime = await this.runtimes.of(tenantOf(request).entry);
    const wasConfirmed = await this.requests.confirmAddress(runtime, { id, secret }, request.id);
    if (!wasConfirmed) throw badRequest('This link is not valid any more', { expression: ['secret'] });
    return sendDone(request, reply, 'Address confirmed');
  }

  /** Ends one of the caller's own log-ins. 404 for every other. */
  @Post('revoke')
  @HttpCode(200)
  async revoke(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const fields = jsonFields(request);
    const loginId = fields.required('loginId');
    if (loginId !== '' && !UUID.test(loginId)) fields.fail('loginId', 'loginId must be a UUID');
    fields.check();
    await sessionOf(request).refresh();
    await withCurrentRights(request, async (session) => {
      const { database } = session.runtime;
      const own = await findLoginsOf(database, session.current.user);
      if (!own.some((login) => login.id === loginId)) throw notFound();
      await revokeLogins(database, session.caller(request.id), [loginId]);
    });
    return sendDone(request, reply, 'Login revoked');
  }
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
