import { findUserByEmail, findUserPassword, normalizedEmail, passwordMark, type StoredResource } from '#fhir-store';
import { verifyPassword } from '#platform';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { type BegunAttempt, LoginBackoff } from '../login-backoff.js';

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
    const account = normalizedEmail(email);
    const attempt = await this.backoff.begin(runtime, { account, address, secret: 'password' });
    const user = await findUserByEmail(runtime.database, email);
    const hash = await runtime.database.use((connection) => findUserPassword(connection, user?.id ?? 'nobody'));
    const isRight = await this.isRight(runtime, { password, hash }, attempt);
    if (!isRight || user === undefined) {
      await attempt.failed();
      return undefined;
    }
    await attempt.succeeded();
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
    const attempt = await this.backoff.begin(runtime, { account, address, secret: 'password' });
    const hash = await runtime.database.use((connection) => findUserPassword(connection, userId));
    const isRight = await this.isRight(runtime, { password, hash }, attempt);
    await (isRight ? attempt.succeeded() : attempt.failed());
    return isRight;
  }
  /** Whoever finds the queue of hashes full has guessed at nothing. */
  private async isRight(
    { entry }: Pick<TenantRuntime, 'entry'>,
    { password, hash }: { readonly password: string; readonly hash: string | undefined },
    attempt: BegunAttempt,
  ): Promise<boolean> {
    try {
      return await this.verify(password, hash, entry.projectId);
    } catch (error) {
      await attempt.unchecked();
      throw error;
    }
  }
}
