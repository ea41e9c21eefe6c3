/**
 * People's second factors: whether a log-in needs one, what is shown to set one up, and the check of a code. Guessing is
 * slowed down like that of passwords, and comes to an end: what is counted for the codes of an account is forgotten by a
 * right code only, so that whoever knows the password cannot buy more guesses with it.
 */
import { toDataURL } from 'qrcode';
import { badRequest } from '#fhir';
import {
  countCode,
  enrolSecondFactor,
  findSecondFactor,
  type LoginAgent,
  removeSecondFactor,
  type RightCode,
  type SecondFactor,
  takeCodeStep,
} from '#fhir-store';
import type { Clock } from '#platform';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { LoginBackoff } from '../login-backoff.js';
import { enrolmentUri, stepOfCode, typedSecret } from './one-time-code.js';

/** What a log-in with the right password still needs: nothing, a code, or a second factor to be set up. */
export type FactorDemand = 'nothing' | 'code' | 'enrolment';

/** What somebody needs to set up a second factor. */
export interface FactorEnrolment {
  /** The `otpauth:` address of the secret. */
  readonly enrollUri: string;
  /** The same as a picture, in a `data:` address. */
  readonly enrollQrCode: string;
  /** The secret as text, to be typed. */
  readonly secret: string;
}

/** A code that somebody gives for their second factor. */
export interface GivenCode {
  readonly userId: string;
  readonly code: string;
  /** Where it comes from. */
  readonly address: string;
}

/** PNG without filters (0): for squares of black and white they are most of the work, and make the file twice as large. */
const QR_CODE = { type: 'image/png', rendererOpts: { filterType: 0, deflateStrategy: 0 } } as const;

type Place = Pick<TenantRuntime, 'entry' | 'database' | 'secondFactorSecrets'>;

/** Finishes what a right code was given for; false when the code was accepted before. */
type Accept = (code: RightCode) => Promise<boolean>;

/** Does something as whoever gives the code. */
export type AsAgent = (work: (by: LoginAgent) => Promise<boolean>) => Promise<boolean>;

export class SecondFactors {
  constructor(
    private readonly backoff: LoginBackoff,
    private readonly clock: Clock,
  ) {}

  /** What is known of the person's factor. Undefined when the User is gone. */
  find({ database }: Place, userId: string): Promise<SecondFactor | undefined> {
    return database.use((connection) => findSecondFactor(connection, userId));
  }

  /** What somebody may set up in this log-in: the same each time. */
  async enrolment(runtime: Place, { user, changes }: SecondFactor, loginId: string): Promise<FactorEnrolment> {
    const secret = runtime.secondFactorSecrets().offered({ userId: user.id, loginId, changes });
    const account = typeof user.email === 'string' ? user.email : user.id;
    const enrollUri = enrolmentUri(secret, { issuer: runtime.entry.name, account });
    return { enrollUri, enrollQrCode: await toDataURL(enrollUri, QR_CODE), secret: typedSecret(secret) };
  }

  /**
   * Accepts a code of the person's factor, once. Throws 400 when it is wrong or was accepted before, when there is no factor,
   * and when too many codes in a row were wrong, until a new password is set; `too-many-requests` after repeated failures.
   * Returns the factor's number of changes.
   */
  async verify(runtime: Place, given: GivenCode): Promise<number> {
    const { factor, secret } = await this.open(runtime, given.userId);
    await this.accept(runtime, given, factor, secret, (code) =>
      runtime.database.use((connection) => takeCodeStep(connection, code)),
    );
    return factor.changes;
  }

  /**
   * Sets up the factor that `enrolment` offers in the log-in, by its first code; the person's other log-ins end. `isOpen`
   * says whether the log-in has tokens. Returns the new factor's number of changes. Throws like `verify`, and 400 when there is a factor already.
   */
  async enrol(
    runtime: Place,
    asAgent: AsAgent,
    login: { readonly id: string; readonly isOpen: boolean },
    given: GivenCode,
  ): Promise<number> {
    const factor = await this.find(runtime, given.userId);
    if (factor === undefined) throw badRequest(NO_ACCOUNT);
    if (factor.sealedSecret !== undefined) throw badRequest('This account has a second factor already');
    const { changes } = factor;
    const secrets = runtime.secondFactorSecrets();
    const secret = secrets.offered({ userId: given.userId, loginId: login.id, changes });
    const sealedSecret = secrets.seal(given.userId, secret);
    await this.accept(runtime, given, factor, secret, (code) =>
      asAgent((by) =>
        enrolSecondFactor(runtime.database, by, {
          ...code,
          sealedSecret,
          ...(login.isOpen ? { loginId: login.id } : {}),
        }),
      ),
    );
    // Nobody has changed it in between, or nothing would have been set up.
    return changes + 1;
  }

  /** Takes the person's factor away, by one of its codes. Throws like `verify`. */
  async disable(runtime: Place, asAgent: AsAgent, given: GivenCode): Promise<void> {
    const { factor, secret } = await this.open(runtime, given.userId);
    await this.accept(runtime, given, factor, secret, (code) =>
      asAgent((by) => removeSecondFactor(runtime.database, by, code)),
    );
  }

  private async open(
    runtime: Place,
    userId: string,
  ): Promise<{ readonly factor: SecondFactor; readonly secret: Buffer }> {
    const factor = await this.find(runtime, userId);
    if (factor?.sealedSecret === undefined) throw badRequest('This account has no second factor');
    return { factor, secret: runtime.secondFactorSecrets().open(userId, factor.sealedSecret) };
  }

  private async accept(
    runtime: Place,
    { userId, code, address }: GivenCode,
    { changes, sealedSecret }: SecondFactor,
    secret: Buffer,
    accept: Accept,
  ): Promise<void> {
    const attempt = await this.backoff.begin(runtime, {
      account: `second factor of User/${userId}`,
      address,
      secret: 'code',
    });
    const counts = sealedSecret !== undefined;
    if (counts && !(await runtime.database.use((connection) => countCode(connection, userId)))) {
      await attempt.failed();
      throw badRequest('Too many wrong codes were given. A new password must be set first', { expression: ['token'] });
    }
    const step = stepOfCode(secret, code, this.clock.now());
    if (step === undefined || !(await accept({ userId, changes, step }))) {
      await attempt.failed();
      throw badRequest('The code is wrong, or was used already', { expression: ['token'] });
    }
    await attempt.succeeded();
  }
}

const NO_ACCOUNT = 'This account does not exist any more';

/** What a log-in needs that has shown the password and no code. */
export function demandOf({ user, sealedSecret }: SecondFactor): FactorDemand {
  if (sealedSecret !== undefined) return 'code';
  // Of somebody who is said to have one although there is none here: it is set up again rather than done without.
  return user.mfaRequired === true || user.mfaEnrolled === true ? 'enrolment' : 'nothing';
}
