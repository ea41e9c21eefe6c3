import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OutcomeError } from '#fhir';
import { ReadAudit } from '#fhir-store';
import { BaseUrls } from '../../tenant/base-urls.js';
import { tenantOf } from '../../tenant/request-tenant.js';
import { type TenantRuntime, TenantRuntimes } from '../../tenant/tenant-runtime.js';
import { formOf, parametersOf } from '../form-body.js';
import { findLaunch } from '../launch/launch-context.js';
import { authenticatePerson } from '../login/authenticate-person.js';
import { beginning } from '../login/login-details.js';
import { type AwaitedFactor, type LoginAnswer, LoginFlow } from '../login/login-flow.js';
import { PersonAuthenticator } from '../login/person-authenticator.js';
import { giveCode } from '../mfa/give-code.js';
import { html, sendPage } from '../pages/html.js';
import { Public } from '../public.decorator.js';
import { findRegisteredClient, type RegisteredClient } from '../registered-client.js';
import {
  type AuthorizationRequest,
  formTargetOf,
  keptParameters,
  queryOf,
  readAuthorizationRequest,
  redirectTo,
  trustedRedirect,
  withLaunch,
} from './authorization-request.js';
import { profilePage, secondFactorPage, signInPage } from './sign-in-pages.js';

/** A request whose client and address are good. */
interface Visit {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly runtime: TenantRuntime;
  readonly client: RegisteredClient;
  readonly address: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly asked: AuthorizationRequest;
}

/** The authorization endpoint (RFC 6749 section 3.1): pages on which people sign in for an app. */
@Public()
@Controller('oauth2')
export class AuthorizeController {
  constructor(
    private readonly runtimes: TenantRuntimes,
    private readonly people: PersonAuthenticator,
    private readonly flow: LoginFlow,
    private readonly baseUrls: BaseUrls,
    private readonly audit: ReadAudit,
  ) {}

  /** Shows the sign-in page. */
  @Get('authorize')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const visit = await this.receive(request, reply, queryOf(request));
    if (visit !== undefined) showSignIn(visit, 200);
  }

  /** Takes what the pages send: address and password, a code, or the chosen profile. Without either it shows the sign-in page. */
  @Post('authorize')
  async submit(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const visit = await this.receive(request, reply, formOf(request) ?? new URLSearchParams());
    if (visit === undefined) return;
    try {
      const answer = await this.proceed(visit);
      if (answer === undefined) showSignIn(visit, 200);
      else await this.answer(visit, answer);
    } catch (error) {
      if (!(error instanceof OutcomeError) || error.category !== 'invalid') throw error;
      const awaited = await this.stillAwaited(visit);
      if (awaited === undefined) showSignIn(visit, 400, error.message);
      else showSecondFactor(visit, 400, awaited, error.message);
    }
  }

  /** Answers a request that is not good, and gives back one that is. */
  private async receive(
    request: FastifyRequest,
    reply: FastifyReply,
    search: URLSearchParams,
  ): Promise<Visit | undefined> {
    const tenant = tenantOf(request);
    const parameters = parametersOf(search);
    if (parameters === 'repeated') return showProblem(reply, 'The request repeats a parameter.');
    const runtime = await this.runtimes.of(tenant.entry);
    const client = await findRegisteredClient(runtime.database, parameters.get('client_id') ?? '', request.id);
    if (client === undefined) return showProblem(reply, 'The request names no known client.');
    const address = trustedRedirect(parameters, client);
    if (address === undefined)
      return showProblem(reply, 'The request names no address that the client has registered.');
    const audiences = [...this.baseUrls.fhirBasesOf(tenant.entry), `${this.baseUrls.ofRequest(request, tenant)}fhir/`];
    const asked = await withLaunch(readAuthorizationRequest(parameters, client, audiences), parameters, (id) =>
      findLaunch(runtime.database, id, { requestId: request.id, now: new Date() }),
    );
    if (asked.kind === 'request') return { request, reply, runtime, client, address, parameters, asked };
    const answer = { error: asked.error, error_description: asked.description };
    const issuer = this.baseUrls.canonicalOf(tenant.entry);
    sendRedirect(reply, redirectTo(address, answer, parameters.get('state'), issuer));
    return undefined;
  }

  /** What the log-in has come to by what the page has sent; undefined when it has sent nothing. */
  private async proceed(visit: Visit): Promise<LoginAnswer | undefined> {
    const { request, runtime, client, address, parameters, asked } = visit;
    const [login, profile, code] = [parameters.get('login'), parameters.get('profile'), parameters.get('token')];
    if (login !== undefined && (profile !== undefined || code !== undefined)) {
      if (!(await this.isOfVisit(visit, login))) return undefined;
      if (profile !== undefined) return this.flow.choose(runtime, login, profile);
      const step = parameters.get('step') === 'enrolment' ? 'enrolment' : 'code';
      return giveCode(this.flow, this.audit, request, runtime, { login, step, code: code ?? '' });
    }
    const [email, password] = [parameters.get('email'), parameters.get('password')];
    if (email === undefined || password === undefined) return undefined;
    const { user, passwordMark } = await authenticatePerson(this.people, this.audit, request, runtime, {
      email,
      password,
    });
    const { kind: _kind, ...purpose } = asked;
    return this.flow.begin(runtime, {
      user: `User/${user.id}`,
      passwordMark,
      client: client.id,
      redirectUri: address,
      ...purpose,
      remember: false,
      ...beginning(request),
    });
  }

  /** Whether the log-in was begun on these pages for the same client and address. */
  private async isOfVisit({ runtime, client, address }: Visit, login: string): Promise<boolean> {
    const details = await this.flow.pending(runtime, login);
    return details.client === client.id && details.redirectUri === address;
  }

  /** For what the log-in still waits whose code was refused; undefined when it cannot go on. */
  private async stillAwaited(visit: Visit): Promise<AwaitedFactor | undefined> {
    const { runtime, parameters } = visit;
    const login = parameters.get('login');
    if (login === undefined || !parameters.has('token')) return undefined;
    try {
      return (await this.isOfVisit(visit, login)) ? await this.flow.awaitedFactor(runtime, login) : undefined;
    } catch (error) {
      // The log-in has come to its end: the sign-in page begins another one.
      if (error instanceof OutcomeError && error.category === 'invalid') return undefined;
      throw error;
    }
  }

  private async answer(visit: Visit, answer: LoginAnswer): Promise<void> {
    const { login, code, memberships, mfaRequired, mfaEnrollRequired } = answer;
    const { reply, runtime, address, parameters } = visit;
    if (mfaRequired === true || mfaEnrollRequired === true) {
      const awaited = await this.flow.awaitedFactor(runtime, login);
      if (awaited !== undefined) return showSecondFactor(visit, 200, awaited);
    }
    if (code === undefined) {
      const carried = keptParameters(parameters).set('login', login);
      sendPage(reply, 200, profilePage(runtime.entry.name, carried, memberships ?? [], formTargetOf(address)));
      return;
    }
    const issuer = this.baseUrls.canonicalOf(runtime.entry);
    sendRedirect(reply, redirectTo(address, { code }, parameters.get('state'), issuer));
  }
}

function showSignIn({ reply, runtime, client, address, parameters }: Visit, status: number, problem?: string): void {
  const hint = parameters.get('email') ?? parameters.get('login_hint') ?? '';
  const texts = { project: runtime.entry.name, client: client.name ?? client.id, hint, problem };
  sendPage(reply, status, signInPage(texts, keptParameters(parameters), formTargetOf(address)));
}

function showSecondFactor(
  { reply, runtime, address, parameters }: Visit,
  status: number,
  awaited: AwaitedFactor,
  problem?: string,
): void {
  const texts = { project: runtime.entry.name, problem };
  const carried = keptParameters(parameters).set('login', awaited.login);
  sendPage(reply, status, secondFactorPage(texts, carried, awaited, formTargetOf(address)));
}

/** 303: the browser fetches the client's address, without repeating the form (RFC 9110 section 15.4.4). */
function sendRedirect(reply: FastifyReply, address: string): void {
  void reply
    .code(303)
    .header('location', address)
    .header('cache-control', 'no-store')
    .header('referrer-policy', 'no-referrer')
    .send('');
}

function showProblem(reply: FastifyReply, text: string): undefined {
  sendPage(reply, 400, { title: 'This link does not work', body: html`<p>${text}</p>` });
  return undefined;
}
