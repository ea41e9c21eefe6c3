/**
 * Links by mail that prove that somebody can read the mail of an address: to set a password, or to confirm the address.
 * Their secrets are good once and kept as hashes, apart from the UserSecurityRequest that says what was asked for.
 */
import { Injectable } from '@nestjs/common';
import { systemPolicy } from '#access-policy';
import { type JsonObject, OutcomeError, readResource } from '#fhir';
import {
  addSecurityRequest,
  type Caller,
  changePassword,
  findUserByEmail,
  isGoodLink,
  ResourceRepository,
  type SecurityLink,
  type SecurityRequestType,
  takeLink,
} from '#fhir-store';
import { generateSecret, hashPassword } from '#platform';
import { Mail } from '../../mail/mail.js';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { confirmEmail } from './confirm-email.js';

/** What somebody brings who follows a link. */
export interface FollowedLink {
  readonly id: string;
  readonly secret: string;
}

const SUBJECTS = {
  invite: 'You are invited',
  reset: 'Reset your password',
  'verify-email': 'Confirm your address',
} as const satisfies Record<SecurityRequestType, string>;

/** Whoever confirms an account that somebody else has made in their name gives it to them. */
const UNEXPECTED = 'If you did not ask for this yourself, do not follow the link.';

const ID_FORM = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SECRET_FORM = /^[A-Za-z0-9_-]{43}$/;

@Injectable()
export class SecurityRequests {
  constructor(private readonly mail: Mail) {}

  /** Sends a link with which the password of whoever has this address can be set; nothing happens for an unknown one. */
  async sendReset(runtime: TenantRuntime, email: string, baseUrl: string, requestId: string): Promise<void> {
    const user = await findUserByEmail(runtime.database, email);
    if (user === undefined || typeof user.email !== 'string') return;
    const to = { user: `User/${user.id}`, email: user.email };
    await this.send(runtime, 'reset', to, baseUrl, requestId);
  }

  /** Writes a security request and sends its link. `baseUrl` is that of the project by which the request came. */
  async send(
    runtime: TenantRuntime,
    type: SecurityRequestType,
    { user, email }: { readonly user: string; readonly email: string },
    baseUrl: string,
    requestId: string,
  ): Promise<void> {
    const secret = generateSecret();
    const id = await addSecurityRequest(runtime.database, caller(requestId), { type, user, secret });
    await this.mail.send(runtime.entry.projectId, {
      to: email,
      subject: `${runtime.entry.name.replace(/\s+/g, ' ')}: ${SUBJECTS[type]}`,
      text: `${SUBJECTS[type]}: ${securityLink(baseUrl, type, id, secret)}\n\n${UNEXPECTED}\n`,
    });
  }

  /**
   * Sets a password by a link, ends all log-ins of the person, and marks their address as confirmed, since the link went
   * there. False, with nothing changed, when the link is not good (any more).
   */
  async setPassword(
    runtime: TenantRuntime,
    followed: FollowedLink,
    password: string,
    requestId: string,
  ): Promise<boolean> {
    const { database, entry } = runtime;
    const repository = new ResourceRepository(database, caller(requestId));
    const link = await findLink(repository, followed, ['invite', 'reset']);
    if (link === undefined) return false;
    // Asked before the change, which asks again, so that nobody can have passwords hashed without a link.
    if (!(await database.use((connection) => isGoodLink(connection, link)))) return false;
    const userId = link.user.slice('User/'.length);
    const change = { userId, hash: await hashPassword(password, entry.projectId), keptLogins: [], link };
    if (!(await changePassword(database, { agent: link.user, requestId }, change))) return false;
    await markUsed(repository, link);
    await confirmEmail(runtime, link.user, requestId);
    return true;
  }

  /** Uses up a link by which an address is confirmed. Whose it is (`User/<id>`); undefined when it is not good (any more). */
  async takeConfirmation(
    { database }: TenantRuntime,
    followed: FollowedLink,
    requestId: string,
  ): Promise<string | undefined> {
    const repository = new ResourceRepository(database, caller(requestId));
    const link = await findLink(repository, followed, ['verify-email']);
    if (link === undefined || !(await database.use((connection) => takeLink(connection, link)))) return undefined;
    await markUsed(repository, link);
    return link.user;
  }
}

/** The address in a mail: the page on which a password is set, or the address confirmed. */
export function securityLink(baseUrl: string, type: SecurityRequestType, id: string, secret: string): string {
  return `${baseUrl}${type === 'verify-email' ? 'verifyemail' : 'setpassword'}/${id}/${secret}`;
}

/** What the link is for; whether its secret is right is not looked at. */
async function findLink(
  repository: ResourceRepository,
  { id, secret }: FollowedLink,
  types: readonly SecurityRequestType[],
): Promise<SecurityLink | undefined> {
  if (!ID_FORM.test(id) || !SECRET_FORM.test(secret)) return undefined;
  const request = await readRequest(repository, id);
  const type = types.find((one) => one === request?.type);
  const user = (request?.user as { reference?: unknown } | undefined)?.reference;
  return type === undefined || typeof user !== 'string' ? undefined : { id, secret, type, user };
}

async function markUsed(repository: ResourceRepository, { id }: SecurityLink): Promise<void> {
  const request = await readRequest(repository, id);
  if (request === undefined) return;
  await repository.update('UserSecurityRequest', id, readResource(JSON.stringify({ ...request, used: true })));
}

async function readRequest(repository: ResourceRepository, id: string): Promise<JsonObject | undefined> {
  try {
    return JSON.parse((await repository.read('UserSecurityRequest', id)).body) as JsonObject;
  } catch (error) {
    if (error instanceof OutcomeError && (error.category === 'not-found' || error.category === 'gone'))
      return undefined;
    throw error;
  }
}

const caller = (requestId: string): Caller => ({
  policy: systemPolicy('a link by mail'),
  agent: 'system/identity',
  requestId,
});
