import { Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { badRequest } from '#fhir';
import {
  findUserByEmail,
  normalizedEmail,
  passwordMark,
  registerPatient,
  registerUser,
  registrationPolicy,
} from '#fhir-store';
import { hashPassword } from '#platform';
import { BaseUrls } from '../../tenant/base-urls.js';
import { tenantOf } from '../../tenant/request-tenant.js';
import { type TenantRuntime, TenantRuntimes } from '../../tenant/tenant-runtime.js';
import { SecurityRequests } from '../account/security-requests.js';
import { isAddress } from '../email-address.js';
import { jsonFields } from '../json-fields.js';
import { LoginBackoff } from '../login-backoff.js';
import { LoginFlow } from '../login/login-flow.js';
import { readLoginPurpose } from '../login/login-request.js';
import { chosenPassword } from '../password-rules.js';
import { Public } from '../public.decorator.js';
import { sendAnswer } from '../uncached-answer.js';

const MAX_NAME_LENGTH = 100;

/**
 * Patients who register themselves, where the Project allows it: it does when it names the policy that they get
 * (`Project.defaultPatientAccessPolicy`).
 */
@Public()
@Controller('auth')
export class RegistrationController {
  constructor(
    private readonly runtimes: TenantRuntimes,
    private readonly flow: LoginFlow,
    private readonly backoff: LoginBackoff,
    private readonly requests: SecurityRequests,
    private readonly baseUrls: BaseUrls,
  ) {}

  /** Makes a User, who may do nothing yet, begins their log-in, and sends a link to confirm the address. */
  @Post('newuser')
  @HttpCode(200)
  async newUser(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const fields = jsonFields(request);
    const [firstName, lastName] = [fields.required('firstName'), fields.required('lastName')];
    if (firstName.length > MAX_NAME_LENGTH) fields.fail('firstName', 'firstName is too long');
    if (lastName.length > MAX_NAME_LENGTH) fields.fail('lastName', 'lastName is too long');
    const email = normalizedEmail(fields.required('email'));
    if (email !== '' && !isAddress(email)) fields.fail('email', 'email is no valid address');
    const password = chosenPassword(fields, 'password');
    const runtime = await this.runtimeOf(request);
    const purpose = await readLoginPurpose(request, runtime, fields);
    if (purpose.registering === true) fields.fail('projectId', 'Projects cannot be made here');
    fields.check();
    await this.assertAllowed(runtime);

    // What registrations cost us is slowed down like guessing: by the address from which they come.
    await this.backoff.begin(runtime, {
      account: `registration ${email}`,
      address: request.ip,
      secret: 'none',
    });
    const taken = () => badRequest('This address is taken', { expression: ['email'] });
    // Most of those who are refused are refused before the password is hashed and anything is locked.
    if ((await findUserByEmail(runtime.database, email)) !== undefined) throw taken();
    const passwordHash = await hashPassword(password, runtime.entry.projectId);
    const registered = await registerUser(runtime.database, { firstName, lastName, email, passwordHash }, request.id);
    if (registered === 'taken') throw taken();
    const proved = { user: `User/${registered}`, passwordMark: passwordMark(passwordHash) };
    const details = { ...proved, ...purpose, registering: true };
    await sendAnswer(request, reply, await this.flow.begin(runtime, details));
    const to = { user: `User/${registered}`, email };
    const baseUrl = this.baseUrls.canonicalOf(runtime.entry);
    this.requests.send(runtime, 'verify-email', to, baseUrl, request.id).catch((error: unknown) => {
      runtime.logger.error({ err: error, requestId: request.id }, 'a link to confirm an address could not be sent');
    });
  }

  /** Gives the User who is registering a Patient, and the project's policy for patients; with that the log-in goes on. */
  @Post('newpatient')
  @HttpCode(200)
  async newPatient(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const fields = jsonFields(request);
    const login = fields.required('login');
    const projectId = fields.text('projectId');
    const runtime = await this.runtimeOf(request);
    if (projectId !== undefined && projectId !== runtime.entry.projectId) {
      fields.fail('projectId', 'This address belongs to another project');
    }
    fields.check();
    const details = await this.flow.verified(runtime, login);
    if (details.registering !== true) {
      throw badRequest('This log-in is not one of somebody who registers', { expression: ['login'] });
    }
    await this.assertAllowed(runtime);
    const membership = await registerPatient(runtime.database, details.user, request.id);
    if (membership === 'member') throw badRequest('This account has a profile already', { expression: ['login'] });
    return sendAnswer(request, reply, await this.flow.choose(runtime, login, membership));
  }

  /** Projects are made through the control plane. */
  @Post('newproject')
  @HttpCode(200)
  newProject(): never {
    throw badRequest('Projects cannot be made here', { code: 'not-supported' });
  }

  private async assertAllowed(runtime: TenantRuntime): Promise<void> {
    if ((await registrationPolicy(runtime.database)) === undefined) {
      throw badRequest('Registration is not open here');
    }
  }

  private runtimeOf(request: FastifyRequest): Promise<TenantRuntime> {
    return this.runtimes.of(tenantOf(request).entry);
  }
}
