import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  AuditRepository,
  canonicalJson,
  IdempotencyRepository,
  Transactions,
  type AuditEntry,
  type RecordedAnswer,
  type Reservation,
  type Transaction,
} from '#control-database';
import { DomainError } from '#platform';
import { ControlKeys } from '../environment/control-keys.js';
import { toProblem } from '../problems/problem.js';
import { Answer } from './answer.js';
import type { Mutation } from './mutation.js';

/** What a mutation answers. */
export interface MutationAnswer {
  status: number;
  headers?: Record<string, string>;
  body: object;
  /**
   * Members of the body that are shown in the live answer only. When this is set, even if empty, a replay says
   * `"secretsClaimed": true` in its place.
   */
  secrets?: object;
}

/** What a mutation has done inside its transaction. */
export interface Change {
  answer: MutationAnswer;
  /** The audit record of the change; left out when nothing was changed. */
  audit?: Pick<AuditEntry, 'action' | 'target' | 'before' | 'after'>;
}

export interface MutationSteps<Prepared = void> {
  /** Checks and computes what needs no transaction. Runs only when the request is not a replay. */
  prepare?(): Promise<Prepared>;
  /** Makes the change, in one transaction with its audit record and the answer to be replayed. */
  change(transaction: Transaction, prepared: Prepared): Promise<Change>;
  /** Runs after the commit and may give a better answer than the one recorded so far. */
  complete?(answer: MutationAnswer, prepared: Prepared): Promise<MutationAnswer>;
  /** How long `complete` may take; a second request with the same key counts as too early for so long. */
  completeSeconds?: number;
}

const keptHours = 24;
/** Time for everything besides `complete`. */
const reserveSeconds = 20;

/**
 * Runs every request that changes something, so that three rules have one home: the change and its audit record are one
 * transaction; a request with an `Idempotency-Key` happens once, over crashes too (see IdempotencyRepository); and no
 * secret is ever recorded or replayed.
 */
@Injectable()
export class MutationRunner {
  constructor(
    private readonly transactions: Transactions,
    private readonly audit: AuditRepository,
    private readonly idempotency: IdempotencyRepository,
    private readonly keys: ControlKeys,
  ) {}

  async run<Prepared = void>(mutation: Mutation, steps: MutationSteps<Prepared>): Promise<Answer> {
    if (mutation.idempotencyKey === undefined) return toAnswer(await this.perform(mutation, steps, undefined));
    const reserved = await this.reserve(mutation, mutation.idempotencyKey, steps.completeSeconds ?? 0);
    if (reserved instanceof Answer) return reserved;
    try {
      const answer = await this.perform(mutation, steps, reserved);
      await this.idempotency.settle(reserved, recordable(answer));
      return toAnswer(answer);
    } catch (error) {
      await this.settleRefusal(reserved, error, mutation.requestId);
      throw error;
    }
  }

  private async perform<Prepared>(
    mutation: Mutation,
    steps: MutationSteps<Prepared>,
    reservation: Reservation | undefined,
  ): Promise<MutationAnswer> {
    const prepared = (await steps.prepare?.()) as Prepared;
    const answer = await this.transactions.run(async (transaction) => {
      const { answer, audit } = await steps.change(transaction, prepared);
      if (reservation !== undefined) await this.idempotency.record(reservation, recordable(answer), transaction);
      if (audit !== undefined) {
        const { caller, requestId } = mutation;
        await this.audit.append({ ...audit, actor: caller.actor, requestId, outcome: 'success' }, transaction);
      }
      return answer;
    });
    return steps.complete === undefined ? answer : steps.complete(answer, prepared);
  }

  /** The reservation, or the first request's answer again. */
  private async reserve(mutation: Mutation, key: string, completeSeconds: number): Promise<Reservation | Answer> {
    const { caller, method, path, body } = mutation;
    const bodyHash = createHmac('sha256', this.keys.requestBody).update(canonicalJson(body)).digest();
    const reserved = await this.idempotency.reserve(
      { caller: caller.actor, key, method, path, bodyHash },
      { reserveSeconds: reserveSeconds + completeSeconds, keptHours },
    );
    switch (reserved.outcome) {
      case 'reserved':
        return reserved.reservation;
      case 'replay':
        return replay(reserved.answer);
      case 'mismatch':
        throw new DomainError(
          'conflict',
          'idempotency-mismatch',
          'This Idempotency-Key was used for another request. Use a new key for a new request.',
        );
      case 'in-flight':
        throw new DomainError(
          'conflict',
          'idempotency-in-flight',
          'The first request with this Idempotency-Key is still running. Send it again later.',
          { retryAfterSeconds: reserved.retryAfterSeconds },
        );
    }
  }

  /** A refusal that would be the same again is kept like any answer; after any other failure the key is free again. */
  private async settleRefusal(reservation: Reservation, error: unknown, requestId: string): Promise<void> {
    if (!isLasting(error)) return this.idempotency.release(reservation);
    const { problem, headers } = toProblem(error, requestId);
    await this.idempotency.settle(reservation, { status: problem.status, headers, body: problem });
  }
}

const lasting: readonly string[] = ['not-found', 'conflict', 'gone', 'precondition-failed', 'unprocessable'];
/** Conflicts that end by themselves. */
const passing: readonly string[] = [
  'operation-in-progress',
  'operation-not-succeeded',
  'rollout-in-progress',
  'rollout-not-begun',
  'contract-too-early',
  'project-not-skippable',
];

function isLasting(error: unknown): boolean {
  return error instanceof DomainError && lasting.includes(error.category) && !passing.includes(error.code);
}

function recordable({ status, headers = {}, body, secrets }: MutationAnswer): RecordedAnswer {
  return { status, headers, body: secrets === undefined ? body : { ...body, secretsClaimed: true } };
}

function toAnswer({ status, headers = {}, body, secrets }: MutationAnswer): Answer {
  return new Answer(status, { ...body, ...secrets }, headers);
}

function replay({ status, headers, body }: RecordedAnswer): Answer {
  const type: Record<string, string> = status >= 400 ? { 'Content-Type': 'application/problem+json' } : {};
  return new Answer(status, body, { ...headers, ...type, 'Idempotent-Replay': 'true' });
}
