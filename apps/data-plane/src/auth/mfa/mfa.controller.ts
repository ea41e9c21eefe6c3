import { Controller, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { badRequest, forbidden } from '#fhir';
import { ReadAudit, userIdOf } from '#fhir-store';
import { recordingRefusal, recordRead } from '../../fhir/read-audit.js';
import { sessionOf, tenantOf } from '../../tenant/request-tenant.js';
import { TenantRuntimes } from '../../tenant/tenant-runtime.js';
import { InPerson } from '../in-person.decorator.js';
import { jsonFields } from '../json-fields.js';
import { type FactorStep, LoginFlow } from '../login/login-flow.js';
import { Public } from '../public.decorator.js';
import type { Session } from '../session.js';
import { sendAnswer, sendDone } from '../uncached-answer.js';
import { withCurrentRights } from '../with-current-rights.js';
import { giveCode } from './give-code.js';
import { type AsAgent, type GivenCode, SecondFactors } from './second-factors.js';

/** A person's second factor: in their account, and in a log-in that waits for it. */
@InPerson()
@Controller('auth/mfa')
export class MfaController {
  constructor(
    private readonly runtimes: TenantRuntimes,
    private readonly factors: SecondFactors,
    private readonly flow: LoginFlow,
    private readonly audit: ReadAudit,
  ) {}

  /** Whether the caller has a second factor; if not, what is needed to set one up. */
  @Get('status')
  async status(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { session, userId, loginId } = await personOf(request);
    const factor = await this.factors.find(session.runtime, userId);
    if (factor === undefined) throw badRequest('This account does not exist any more');
    recordRead(this.audit, request, 'auth/mfa/status', 'success');
    if (factor.sealedSecret !== undefined) return sendAnswer(request, reply, { enrolled: true });
    const { enrollUri, enrollQrCode } = await this.factors.enrolment(session.runtime, factor, loginId);
    return sendAnswer(request, reply, { enrolled: false, enrollUri, enrollQrCode });
  }

  /** Sets up the caller's second factor by its first code. Their other log-ins end. */
  @Post('enroll')
  @HttpCode(200)
  enroll(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.change(request, reply, 'enroll', ({ session: { runtime }, loginId }, asCaller, given) =>
      this.factors.enrol(runtime, asCaller, { id: loginId, isOpen: true }, given),
    );
  }

  /** Takes the caller's second factor away by one of its codes. */
  @Post('disable')
  @HttpCode(200)
  disable(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.change(request, reply, 'disable', ({ session: { runtime } }, asCaller, given) =>
      this.factors.disable(runtime, asCaller, given),
    );
  }

  /** Goes on with a log-in by a code of the person's second factor. */
  @Public()
  @Post('verify')
  @HttpCode(200)
  verify(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.goOn(request, reply, 'code');
  }

  /** Goes on with a log-in by setting up the second factor that the person must have. */
  @Public()
  @Post('login-enroll')
  @HttpCode(200)
  loginEnroll(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.goOn(request, reply, 'enrolment');
  }

  private async change(
    request: FastifyRequest,
    reply: FastifyReply,
    route: keyof typeof DONE,
    work: (person: Person, asCaller: AsAgent, given: GivenCode) => Promise<unknown>,
  ): Promise<void> {
    const fields = jsonFields(request);
    const code = fields.required('token');
    fields.check();
    const person = await personOf(request);
    const { runtime, current } = person.session;
    const given = { userId: person.userId, code, address: request.ip };
    const asCaller: AsAgent = (change) => withCurrentRights(request, (session) => change(session.caller(request.id)));
    await recordingRefusal(this.audit, request, { runtime, agent: current.user }, `auth/mfa/${route}`, () =>
      work(person, asCaller, given),
    );
    return sendDone(request, reply, DONE[route]);
  }

  private async goOn(request: FastifyRequest, reply: FastifyReply, step: FactorStep): Promise<void> {
    const fields = jsonFields(request);
    const [login, code] = [fields.required('login'), fields.required('token')];
    fields.check();
    const runtime = await this.runtimes.of(tenantOf(request).entry);
    return sendAnswer(request, reply, await giveCode(this.flow, this.audit, request, runtime, { login, step, code }));
  }
}

const DONE = { enroll: 'Second factor set up', disable: 'Second factor taken away' } as const;

interface Person {
  readonly session: Session;
  readonly userId: string;
  readonly loginId: string;
}

/**
 * The caller, who must be a person. Who has been logged out gets no attempt at a code. An app that was given a part of the
 * person's rights is refused: it could set up a factor of its own, and keep the person out of the account.
 */
async function personOf(request: FastifyRequest): Promise<Person> {
  const session = sessionOf(request);
  await session.refresh();
  const { current, loginId } = session;
  if (!current.user.startsWith('User/') || loginId === undefined) throw badRequest('Only people have a second factor');
  if (current.policy.isScoped) throw forbidden('A log-in with limited scopes has no say in second factors');
  return { session, userId: userIdOf(current.user), loginId };
}
