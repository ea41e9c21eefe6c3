/**
 * Links by mail that prove that somebody can read the mail of an address: to set a password, or to confirm the address.
 * Their secrets are good once and kept as hashes, apart from the UserSecurityRequest that says what was asked for.
 */
import { Injectable } from '@nestjs/common';
import { systemPolicy } from '#access-policy';
import {
  addSecurityRequest,
  type Caller,
  changePassword,
  confirmAddress,
  findUserByEmail,
  isGoodLink,
  ResourceRepository,
  type SecurityLink,
  type SecurityRequestType,
  userIdOf,
} from '#fhir-store';
import { generateSecret, hashPassword } from '#platform';
import { Mail } from '../../mail/mail.js';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { foundOrUndefined } from '../found-or-undefined.js';

/** What somebody brings who follows a link. */
export interface FollowedLink {
  readonly id: string;
  readonly secret: string;
}

/** What is sent from here; the mail of an invitation says more (`admin/invitation-mail.ts`). */
type SentHere = Exclude<SecurityRequestType, 'invite'>;

const SUBJECTS = {
  reset: 'Reset your password',
  'verify-email': 'Confirm your address',
} as const satisfies Record<SentHere, string>;

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

  /** Writes a security request and sends its link, which leads to `baseUrl`: a base URL of the project. */
  async send(
    runtime: TenantRuntime,
    type: SentHere,
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
    const link = await findGoodLink(database, followed, ['invite', 'reset'], requestId);
    if (link === undefined) return false;
    const hash = await hashPassword(password, entry.projectId);
    const change = { userId: userIdOf(link.user), hash, keptLogins: [], link };
    return changePassword(database, { agent: link.user, requestId }, change);
  }

  /** Marks the address as confirmed to which the link went. False, with nothing changed, when it is not good (any more). */
  async confirmAddress({ database }: TenantRuntime, followed: FollowedLink, requestId: string): Promise<boolean> {
    const link = await findGoodLink(database, followed, ['verify-email'], requestId);
    return link !== undefined && confirmAddress(database, { agent: link.user, requestId }, link);
  }
}

/** The address in a mail: the page on which a password is set, or the address confirmed. */
export function securityLink(baseUrl: string, type: SecurityRequestType, id: string, secret: string): string {
  return `${baseUrl}${type === 'verify-email' ? 'verifyemail' : 'setpassword'}/${id}/${secret}`;
}

/**
 * The link, if it is good and for one of these purposes. It is asked again by what it is for, which uses it up; asked
 * before, so that nobody without a link has passwords hashed, or makes all others read their rights again.
 */
async function findGoodLink(
  database: TenantRuntime['database'],
  { id, secret }: FollowedLink,
  types: readonly SecurityRequestType[],
  requestId: string,
): Promise<SecurityLink | undefined> {
  if (!ID_FORM.test(id) || !SECRET_FORM.test(secret)) return undefined;
  const repository = new ResourceRepository(database, caller(requestId));
  const stored = await foundOrUndefined(() => repository.read('UserSecurityRequest', id));
  if (stored === undefined) return undefined;
  const request = JSON.parse(stored.body) as {
    readonly type?: unknown;
    readonly user?: { readonly reference?: unknown };
  };
  const type = types.find((one) => one === request.type);
  const user = request.user?.reference;
  if (type === undefined || typeof user !== 'string') return undefined;
  const link = { id, secret, type, user };
  return (await database.use((connection) => isGoodLink(connection, link))) ? link : undefined;
}

const caller = (requestId: string): Caller => ({
  policy: systemPolicy('a link by mail'),
  agent: 'system/identity',
  requestId,
});
