/**
 * A person's log-in, step by step: password, choice of a membership where there are several, code. What has been reached is
 * kept in the tenant database under the log-in's id, so that any replica can go on. No Login resource exists and nothing
 * is granted before the code is exchanged for tokens.
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
  type StoredResource,
} from '#fhir-store';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { principalOfMembership } from '../open-principal.js';
import { isActiveMembership } from '../principal.js';
import { narrowedScope } from '../scopes.js';
import type { NamedReference } from '../principal.js';
import { newCode } from '../token/opaque-secrets.js';
import { CODE_SECONDS, type LoginDetails, PENDING_LOGIN_SECONDS, proofOf } from './login-details.js';
import { namedProfiles } from './named-profiles.js';

/** What a log-in's steps answer: a code, or what is still to be chosen. */
export interface LoginAnswer {
  readonly login: string;
  readonly code?: string;
  readonly memberships?: readonly OfferedMembership[];
}

/** A membership to choose, and nothing more of it than people need to tell it from the others. */
export interface OfferedMembership {
  readonly id: string;
  readonly project: NamedReference;
  readonly profile: NamedReference;
}

const ID_FORM = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

@Injectable()
export class LoginFlow {
  /**
   * Begins the log-in of somebody who has proved who it is. Their one membership is chosen at once. 400 when they have no
   * active one (of the wanted profile type), unless they are registering.
   */
  async begin(runtime: TenantRuntime, details: LoginDetails): Promise<LoginAnswer> {
    const memberships = details.registering === true ? [] : await this.choicesOf(runtime, details);
    if (memberships.length === 0 && details.registering !== true) {
      // No field is named: a form that asks for the password has no place for what is said of another one.
      throw badRequest('This account has no active membership here');
    }
    const loginId = randomUUID();
    const session = { loginId, details: JSON.stringify(details), expiresInSeconds: PENDING_LOGIN_SECONDS };
    await runtime.database.use(async (connection) => {
      await Promise.all([insertLoginSession(connection, session), forgetExpiredLogins(connection)]);
    });
    const [only, ...others] = memberships;
    if (only === undefined) return { login: loginId };
    if (others.length > 0) return this.offer(runtime, loginId, memberships);
    return this.choose(runtime, loginId, only.id);
  }

  /** What the log-in has come to. 400 when there is none that is still under way. */
  async resume(runtime: TenantRuntime, loginId: string): Promise<LoginAnswer> {
    const details = await this.pending(runtime, loginId);
    if (details.membership !== undefined) return this.issueCode(runtime, loginId);
    if (details.registering === true) return { login: loginId };
    return this.offer(runtime, loginId, await this.choicesOf(runtime, details));
  }

  /**
   * Chooses a membership for good and gives the code. 400 when one was chosen already, or when it is not this person's,
   * not active, of another profile type, or not to be used from this address.
   */
  async choose(runtime: TenantRuntime, loginId: string, membershipId: string): Promise<LoginAnswer> {
    const details = await this.pending(runtime, loginId);
    if (details.membership !== undefined) throw badRequest('The profile has been chosen already', inField('login'));
    const choices = await this.choicesOf(runtime, details);
    const principal = choices.some(({ id }) => id === membershipId)
      ? await principalOfMembership(runtime, membershipId, details.user)
      : undefined;
    if (principal === undefined) throw badRequest('There is no such profile to choose', inField('profile'));
    if (!ipAccess(principal.policy.ipAccessRules, details.remoteAddress)) {
      throw badRequest('A log-in from this address is not allowed');
    }
    await this.change(runtime, loginId, details, { ...details, membership: membershipId, registering: false });
    return this.issueCode(runtime, loginId);
  }

  /** Limits the log-in to fewer scopes. 400 for more than it has. */
  async narrow(runtime: TenantRuntime, loginId: string, scope: string): Promise<LoginAnswer> {
    const details = await this.pending(runtime, loginId);
    const narrowed = narrowedScope(details.scope, scope);
    if (narrowed === undefined) throw badRequest('The scope can only be narrowed', inField('scope'));
    await this.change(runtime, loginId, details, { ...details, scope: narrowed });
    return this.resume(runtime, loginId);
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
const notUnderWay = () => badRequest('There is no such log-in under way', inField('login'));
