/**
 * A person's log-in, step by step: password, a code of the second factor where there must be one, choice of a membership
 * where there are several, code. What has been reached is kept in the tenant database under the log-in's id, so that any
 * replica can go on. No Login resource exists and nothing is granted before the code is exchanged for tokens.
 */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ipAccess } from '#access-policy';
import { badRequest, type JsonObject } from '#fhir';
import {
  changeLoginDetails,
  findLoginSession,
  findMembershipsOf,
  forgetExpiredLogins,
  insertLoginSession,
  isMarkCurrent,
  issueLoginCode,
  type SecondFactor,
  type StoredResource,
  userIdOf,
} from '#fhir-store';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { demandOf, type FactorDemand, SecondFactors } from '../mfa/second-factors.js';
import { mayReadLaunch } from '../launch/launch-context.js';
import { principalOfMembership } from '../open-principal.js';
import { isActiveMembership } from '../principal.js';
import { narrowedScope } from '../scopes.js';
import type { NamedReference } from '../principal.js';
import { newCode } from '../token/opaque-secrets.js';
import { CODE_SECONDS, type LoginDetails, PENDING_LOGIN_SECONDS, proofOf } from './login-details.js';
import { namedProfiles } from './named-profiles.js';

/** What a log-in's steps answer: a code, or what is still to be done. */
export interface LoginAnswer {
  readonly login: string;
  readonly code?: string;
  /** A code of the second factor is to be given. */
  readonly mfaRequired?: true;
  /** A second factor is to be set up: its `otpauth:` address, as text and as a picture. */
  readonly mfaEnrollRequired?: true;
  readonly enrollUri?: string;
  readonly enrollQrCode?: string;
  readonly memberships?: readonly OfferedMembership[];
}

/** A membership to choose, and nothing more of it than people need to tell it from the others. */
export interface OfferedMembership {
  readonly id: string;
  readonly project: NamedReference;
  readonly profile: NamedReference;
}

/** The answer of a log-in that waits for its person's second factor; `secret` is the one that is offered, to be typed. */
export type AwaitedFactor = Pick<
  LoginAnswer,
  'login' | 'mfaRequired' | 'mfaEnrollRequired' | 'enrollUri' | 'enrollQrCode'
> & { readonly secret?: string };

/** What somebody does with a code: shows a second factor, or sets it up. */
export type FactorStep = Exclude<FactorDemand, 'nothing'>;

/** A code for a second factor, and where it comes from. */
export interface CodeForFactor {
  readonly step: FactorStep;
  readonly code: string;
  readonly address: string;
  readonly requestId: string;
}

const ID_FORM = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

@Injectable()
export class LoginFlow {
  constructor(private readonly factors: SecondFactors) {}

  /**
   * Begins the log-in of somebody who has shown the password. Unless a second factor is needed, their one membership is
   * chosen at once. 400 when they have no active one (of the wanted profile type), unless they are registering.
   */
  async begin(runtime: TenantRuntime, details: LoginDetails): Promise<LoginAnswer> {
    const memberships = details.registering === true ? [] : await this.choicesOf(runtime, details);
    if (memberships.length === 0 && details.registering !== true) throw noMembership();
    const loginId = randomUUID();
    const session = { loginId, details: JSON.stringify(details), expiresInSeconds: PENDING_LOGIN_SECONDS };
    await runtime.database.use(async (connection) => {
      await Promise.all([insertLoginSession(connection, session), forgetExpiredLogins(connection)]);
    });
    return this.proceed(runtime, loginId, details, memberships);
  }

  /** What the log-in has come to. 400 when there is none that is still under way. */
  async resume(runtime: TenantRuntime, loginId: string): Promise<LoginAnswer> {
    return this.proceed(runtime, loginId, await this.pending(runtime, loginId));
  }

  /**
   * Shows the person's second factor by a code, or sets up the one that the log-in offers, and goes on. 400 when the log-in
   * does not wait for that, or the code is wrong or was used; `too-many-requests` after repeated failures.
   */
  async giveCode(
    runtime: TenantRuntime,
    loginId: string,
    { step, code, address, requestId }: CodeForFactor,
  ): Promise<LoginAnswer> {
    const details = await this.pending(runtime, loginId);
    if ((await this.factorOf(runtime, details)).demand !== step) {
      throw badRequest('This log-in does not wait for that', inField('login'));
    }
    const { user } = details;
    const given = { userId: userIdOf(user), code, address };
    const login = { id: loginId, isOpen: false };
    const shownFactor =
      step === 'code'
        ? await this.factors.verify(runtime, given)
        : await this.factors.enrol(runtime, (work) => work({ agent: user, requestId }), login, given);
    const verified = { ...details, shownFactor };
    await this.change(runtime, loginId, details, verified);
    return this.proceed(runtime, loginId, verified);
  }

  /** What the log-in still needs of the person's second factor; undefined when nothing. 400 as `pending`. */
  async awaitedFactor(runtime: TenantRuntime, loginId: string): Promise<AwaitedFactor | undefined> {
    return this.awaited(runtime, loginId, await this.pending(runtime, loginId));
  }

  /**
   * Chooses a membership for good and gives the code. 400 when one was chosen already, or when it is not this person's,
   * not active, of another profile type, not to be used from this address, or one that may not see what the app was
   * launched for.
   */
  async choose(runtime: TenantRuntime, loginId: string, membershipId: string): Promise<LoginAnswer> {
    return this.chooseFor(runtime, loginId, await this.verified(runtime, loginId), membershipId);
  }

  private async chooseFor(
    runtime: TenantRuntime,
    loginId: string,
    details: LoginDetails,
    membershipId: string,
  ): Promise<LoginAnswer> {
    if (details.membership !== undefined) throw badRequest('The profile has been chosen already', inField('login'));
    const choices = await this.choicesOf(runtime, details);
    const principal = choices.some(({ id }) => id === membershipId)
      ? await principalOfMembership(runtime, membershipId, details.user)
      : undefined;
    if (principal === undefined) throw badRequest('There is no such profile to choose', inField('profile'));
    if (!ipAccess(principal.policy.ipAccessRules, details.remoteAddress)) {
      throw badRequest('A log-in from this address is not allowed');
    }
    if (!(await mayReadLaunch(runtime.database, principal, details.launch ?? {}, loginId))) {
      throw badRequest('The app was launched for what this profile may not see', inField('launch'));
    }
    await this.change(runtime, loginId, details, { ...details, membership: membershipId, registering: false });
    return this.issueCode(runtime, loginId);
  }

  /** Limits the log-in to fewer scopes. 400 for more than it has. */
  async narrow(runtime: TenantRuntime, loginId: string, scope: string): Promise<LoginAnswer> {
    const details = await this.pending(runtime, loginId);
    const narrowed = narrowedScope(details.scope, scope);
    if (narrowed === undefined) throw badRequest('The scope can only be narrowed', inField('scope'));
    const changed = { ...details, scope: narrowed };
    await this.change(runtime, loginId, details, changed);
    return this.proceed(runtime, loginId, changed);
  }

  /**
   * The details of a log-in that is under way. 400 when there is none, when its tokens have been given, or when it began
   * with a password that the person has no longer.
   */
  async pending(runtime: TenantRuntime, loginId: string): Promise<LoginDetails> {
    const session = ID_FORM.test(loginId)
      ? await runtime.database.use((connection) => findLoginSession(connection, loginId))
      : undefined;
    // The sessions of clients are complete from the start and have no details.
    if (session === undefined || session.granted || session.details === '{}') throw notUnderWay();
    const details = JSON.parse(session.details) as LoginDetails;
    if (!(await runtime.database.use((connection) => isMarkCurrent(connection, proofOf(details))))) throw notUnderWay();
    return details;
  }

  /** The same, of a log-in that has shown the second factor, if it must. 400 for one that has not. */
  async verified(runtime: TenantRuntime, loginId: string): Promise<LoginDetails> {
    const details = await this.pending(runtime, loginId);
    const { demand } = await this.factorOf(runtime, details);
    if (demand !== 'nothing') throw badRequest('A code of the second factor is needed first', inField('login'));
    return details;
  }

  /** Goes as far as it can without the person. `memberships` are the choices, where they are known. */
  private async proceed(
    runtime: TenantRuntime,
    loginId: string,
    details: LoginDetails,
    memberships?: readonly StoredResource[],
  ): Promise<LoginAnswer> {
    const awaited = await this.awaited(runtime, loginId, details);
    if (awaited !== undefined) {
      const { secret: _typed, ...answer } = awaited;
      return answer;
    }
    if (details.membership !== undefined) return this.issueCode(runtime, loginId);
    if (details.registering === true) return { login: loginId };
    const choices = memberships ?? (await this.choicesOf(runtime, details));
    const [only, ...others] = choices;
    if (only === undefined) throw noMembership();
    if (others.length > 0) return this.offer(runtime, loginId, choices);
    return this.chooseFor(runtime, loginId, details, only.id);
  }

  private async awaited(
    runtime: TenantRuntime,
    login: string,
    details: LoginDetails,
  ): Promise<AwaitedFactor | undefined> {
    const { demand, factor } = await this.factorOf(runtime, details);
    if (demand === 'nothing') return undefined;
    if (demand === 'code') return { login, mfaRequired: true };
    return { login, mfaEnrollRequired: true, ...(await this.factors.enrolment(runtime, factor, login)) };
  }

  private async factorOf(
    runtime: TenantRuntime,
    { user, shownFactor }: LoginDetails,
  ): Promise<{ readonly demand: FactorDemand; readonly factor: SecondFactor }> {
    const factor = await this.factors.find(runtime, userIdOf(user));
    if (factor === undefined) throw notUnderWay();
    return { demand: shownFactor === factor.changes ? 'nothing' : demandOf(factor), factor };
  }

  private async issueCode(runtime: TenantRuntime, loginId: string): Promise<LoginAnswer> {
    const code = newCode(loginId);
    const isIssued = await runtime.database.use((connection) =>
      issueLoginCode(connection, loginId, code.hash, CODE_SECONDS),
    );
    if (!isIssued) throw notUnderWay();
    return { login: loginId, code: code.text };
  }

  private async change(
    runtime: TenantRuntime,
    loginId: string,
    before: LoginDetails,
    after: LoginDetails,
  ): Promise<void> {
    const changed = await runtime.database.use((connection) =>
      changeLoginDetails(connection, loginId, JSON.stringify(before), JSON.stringify(after)),
    );
    if (!changed) throw badRequest('Another request has gone on with this log-in', inField('login'));
  }

  private async choicesOf(runtime: TenantRuntime, { user, profileType }: LoginDetails): Promise<StoredResource[]> {
    const memberships = await findMembershipsOf(runtime.database, user);
    return memberships.filter(
      (membership) =>
        isActiveMembership(membership) && (profileType === undefined || hasProfileType(membership, profileType)),
    );
  }

  private async offer(
    runtime: TenantRuntime,
    login: string,
    memberships: readonly StoredResource[],
  ): Promise<LoginAnswer> {
    const { projectId, name } = runtime.entry;
    const project = { reference: `Project/${projectId}`, display: name };
    const profiles = await namedProfiles(runtime, memberships);
    return { login, memberships: profiles.map(({ membership, profile }) => ({ id: membership, project, profile })) };
  }
}

function hasProfileType({ profile }: JsonObject, type: string): boolean {
  const reference = (profile as JsonObject | undefined)?.reference;
  return typeof reference === 'string' && reference.startsWith(`${type}/`);
}

const inField = (name: string) => ({ expression: [name] });
/** No field is named: a form that asks for the password has no place for what is said of another one. */
const noMembership = () => badRequest('This account has no active membership here');
const notUnderWay = () => badRequest('There is no such log-in under way', inField('login'));
