import { Inject, Injectable } from '@nestjs/common';
import { SealedSecretRepository, type NewSealedSecret, type OperationId, type Transaction } from '#control-database';
import { open, seal, uuidv7, type Clock } from '#platform';
import { operatorName, type Caller } from '../auth/caller.js';
import { ControlKeys } from '../environment/control-keys.js';
import { CLOCK } from '../environment/environment.module.js';

/** The secrets that an operation can leave for its creator, by the member of the answer that shows them. */
export interface ClaimableSecrets {
  adminClient?: { clientId: string; clientSecret: string };
  /** The owner sets a first password by the link. */
  ownerInvitation?: { email: string; link: string };
}

const claimableMs = 60 * 60 * 1_000;

/** Keeps generated secrets sealed for an hour, for the creator to claim once. */
@Injectable()
export class ClaimableSecretStore {
  constructor(
    private readonly sealedSecrets: SealedSecretRepository,
    private readonly keys: ControlKeys,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The rows to store with the operation. */
  seal(operationId: OperationId, secrets: ClaimableSecrets, caller: Caller): Omit<NewSealedSecret, 'operationId'>[] {
    const expiresAt = new Date(this.clock.now().getTime() + claimableMs);
    return Object.entries(secrets)
      .filter(([, secret]) => secret !== undefined)
      .map(([kind, secret]) => ({
        id: uuidv7(),
        kind,
        sealed: seal(this.keys.claimableSecret, JSON.stringify(secret), context(operationId, kind)),
        claimableBy: operatorName(caller),
        expiresAt,
      }));
  }

  /** Takes what is left of the operation's secrets (of one kind, when given); nobody gets them a second time. */
  async take(
    operationId: OperationId,
    caller: Caller,
    kind?: keyof ClaimableSecrets,
    transaction?: Transaction,
  ): Promise<ClaimableSecrets> {
    const claim = { kind, now: this.clock.now() };
    const claimed = await this.sealedSecrets.claim(operationId, operatorName(caller), claim, transaction);
    return Object.fromEntries(
      claimed.map((secret) => {
        const plain = open(this.keys.claimableSecret, secret.sealed, context(operationId, secret.kind));
        return [secret.kind, JSON.parse(plain.toString('utf8')) as unknown];
      }),
    );
  }
}

function context(operationId: OperationId, kind: string): string {
  return `claimable-secret:${operationId}:${kind}`;
}
