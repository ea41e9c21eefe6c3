import { deriveKey, open, seal } from '#platform';

/** RFC 4226 section 4 recommends 160 bits. */
const SECRET_BYTES = 20;

/** To whom a secret is offered. */
export interface FactorOffer {
  readonly userId: string;
  readonly loginId: string;
  /** How often the person's factor was set or taken away before. */
  readonly changes: number;
}

/** The secrets of one project's second factors: opened only where a code is checked. */
export class SecondFactorSecrets {
  private readonly sealingKey: Buffer;

  /** `key` has 32 secret bytes that belong to the project alone. */
  constructor(private readonly key: Buffer) {
    this.sealingKey = deriveKey(key, 'boxyard sealed second factors');
  }

  /**
   * The secret that a person may set up in this log-in: the same each time it is asked for, and another one in every other
   * log-in and after every change, so that nobody has seen it who is not in the same log-in. It need not be stored
   * before it is set up.
   */
  offered({ userId, loginId, changes }: FactorOffer): Buffer {
    return deriveKey(this.key, `boxyard offered second factor ${userId}/${loginId}/${changes}`).subarray(
      0,
      SECRET_BYTES,
    );
  }

  /** What is stored of the secret of a person. */
  seal(userId: string, secret: Buffer): Buffer {
    return seal(this.sealingKey, secret, contextOf(userId));
  }

  /** The secret again. Throws a DomainError (`internal`, `seal-broken`) when it is another person's or project's. */
  open(userId: string, sealed: Buffer): Buffer {
    return open(this.sealingKey, sealed, contextOf(userId));
  }
}

const contextOf = (userId: string): string => `second-factor:${userId}`;
