import { findUserByEmail, findUserPassword, normalizedEmail, passwordMark, type StoredResource } from '#fhir-store';
import { verifyPassword } from '#platform';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { LoginBackoff } from '../login-backoff.js';

export interface PersonSecret {
  readonly email: string;
  readonly password: string;
}

/** A person who has shown the password. */
export interface ProvedPerson {
  readonly user: StoredResource;
  readonly passwordMark: string;
}

/** Checks a person's address and password. */
export class PersonAuthenticator {
  constructor(
    private readonly backoff: LoginBackoff,
    private readonly verify: typeof verifyPassword = verifyPassword,
  ) {}

  /**
   * The person, or undefined for an unknown address, a wrong password or somebody without one: the caller must not be able
   * to tell which, nor by the time it takes, so the same is read and computed for all of them. Throws
   * `too-many-requests` after repeated failures.
   */
  async authenticate(
    runtime: Pick<TenantRuntime, 'entry' | 'database'>,
    { email, password }: PersonSecret,
    address: string,
  ): Promise<ProvedPerson | undefined> {
    const attempt = this.backoff.begin({
      projectId: runtime.entry.projectId,
      account: normalizedEmail(email),
      address,
      secret: 'password',
    });
    const user = await findUserByEmail(runtime.database, email);
    const hash = await runtime.database.use((connection) => findUserPassword(connection, user?.id ?? 'nobody'));
    const isRight = await this.verify(password, hash);
    if (!isRight || user === undefined) {
      attempt.failed();
      return undefined;
    }
    attempt.succeeded();
    return { user, passwordMark: passwordMark(hash) };
  }

  /** Whether `password` is that of a User who has logged in already; failures count like those of a log-in. */
  async confirm(
    runtime: Pick<TenantRuntime, 'entry' | 'database'>,
    userId: string,
    password: string,
    address: string,
  ): Promise<boolean> {
    const account = `User/${userId}`;
    const attempt = this.backoff.begin({ projectId: runtime.entry.projectId, account, address, secret: 'password' });
    const hash = await runtime.database.use((connection) => findUserPassword(connection, userId));
    const isRight = await this.verify(password, hash);
    if (isRight) attempt.succeeded();
    else attempt.failed();
    return isRight;
  }
}
