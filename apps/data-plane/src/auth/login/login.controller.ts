import { Controller, Get, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ReadAudit } from '#fhir-store';
import { recordingRefusal } from '../../fhir/read-audit.js';
import { tenantOf } from '../../tenant/request-tenant.js';
import { type TenantRuntime, TenantRuntimes } from '../../tenant/tenant-runtime.js';
import { jsonFields } from '../json-fields.js';
import { Public } from '../public.decorator.js';
import { sendAnswer } from '../uncached-answer.js';
import { authenticatePerson } from './authenticate-person.js';
import { LoginFlow } from './login-flow.js';
import { readLoginPurpose } from './login-request.js';
import { PersonAuthenticator } from './person-authenticator.js';

/** The sign-in routes of MedplumClient and its sign-in form. */
@Public()
@Controller('auth')
export class LoginController {
  constructor(
    private readonly runtimes: TenantRuntimes,
    private readonly people: PersonAuthenticator,
    private readonly flow: LoginFlow,
    private readonly audit: ReadAudit,
  ) {}

  /** How somebody with this address logs in: always by password, so the answer says nothing about the address. */
  @Post('method')
  @HttpCode(200)
  method(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    const fields = jsonFields(request);
    fields.required('email');
    fields.check();
    return sendAnswer(request, reply, {});
  }

  /** Begins a log-in with address and password. */
  @Post('login')
  @HttpCode(200)
  async login(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const fields = jsonFields(request);
    const secret = { email: fields.required('email'), password: fields.raw('password') ?? fields.required('password') };
    const runtime = await this.runtimeOf(request);
    const purpose = await readLoginPurpose(request, runtime, fields);
    fields.check();
    const { user, passwordMark } = await authenticatePerson(this.people, this.audit, request, runtime, secret);
    const agent = `User/${user.id}`;
    const begin = () => this.flow.begin(runtime, { user: agent, passwordMark, ...purpose });
    return sendAnswer(
      request,
      reply,
      await recordingRefusal(this.audit, request, { runtime, agent }, 'auth/login', begin),
    );
  }

  /** Where a log-in stands. Its id is known to whoever began it alone. */
  @Get('login/:id')
  async resume(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('id') loginId: string,
  ): Promise<void> {
    return sendAnswer(request, reply, await this.flow.resume(await this.runtimeOf(request), loginId));
  }

  /** Chooses one of several memberships. */
  @Post('profile')
  @HttpCode(200)
  async profile(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const fields = jsonFields(request);
    const [login, profile] = [fields.required('login'), fields.required('profile')];
    fields.check();
    return sendAnswer(request, reply, await this.flow.choose(await this.runtimeOf(request), login, profile));
  }

  /** Limits a log-in to fewer scopes. */
  @Post('scope')
  @HttpCode(200)
  async scope(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const fields = jsonFields(request);
    const [login, scope] = [fields.required('login'), fields.required('scope')];
    fields.check();
    return sendAnswer(request, reply, await this.flow.narrow(await this.runtimeOf(request), login, scope));
  }

  private runtimeOf(request: FastifyRequest): Promise<TenantRuntime> {
    return this.runtimes.of(tenantOf(request).entry);
  }
}
