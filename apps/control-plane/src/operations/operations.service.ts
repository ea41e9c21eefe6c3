import { Injectable } from '@nestjs/common';
import { OperationRepository, type Operation, type OperationId } from '#control-database';
import { DomainError } from '#platform';
import { OperationWatcher } from './operation-watcher.js';
import { isFinished, toOperationResponse, type OperationResponse } from './operation.response.js';

/** How long to trust announcements before looking by oneself. */
const pollMs = 1_000;

/** Reads operations, once or for as long as they change. */
@Injectable()
export class OperationsService {
  constructor(
    private readonly operations: OperationRepository,
    private readonly watcher: OperationWatcher,
  ) {}

  async get(id: OperationId): Promise<Operation> {
    if (!/^op_[0-9a-z]{26}$/.test(id)) {
      throw new DomainError('not-found', 'operation-not-found', 'There is no such operation.');
    }
    return this.operations.get(id);
  }

  async describe(operation: Operation): Promise<OperationResponse> {
    return toOperationResponse(operation, await this.operations.listSteps(operation.id));
  }

  /**
   * Gives the operation as it is now, then again after each change, and ends with its last state, when `signal` aborts,
   * or when the process stops. Gives undefined after every `idleMs` without a change.
   */
  async *follow(
    id: OperationId,
    { signal, idleMs }: { signal: AbortSignal; idleMs: number },
  ): AsyncGenerator<OperationResponse | undefined> {
    const changes = this.watcher.watch(id, 'steps');
    const end = () => changes.end();
    signal.addEventListener('abort', end, { once: true });
    try {
      let last = '';
      let idleSince = performance.now();
      for (let wait = signal.aborted ? 'ended' : 'change'; wait !== 'ended'; wait = await changes.next(pollMs)) {
        const operation = await this.describe(await this.operations.get(id));
        const text = JSON.stringify(operation);
        if (text !== last) {
          last = text;
          idleSince = performance.now();
          yield operation;
        } else if (performance.now() - idleSince >= idleMs) {
          idleSince = performance.now();
          yield undefined;
        }
        if (isFinished(operation)) return;
      }
    } finally {
      signal.removeEventListener('abort', end);
      changes.close();
    }
  }

  /**
   * Waits until the operation has ended, at most so many seconds, and gives its last known state. `begin` runs once the
   * watch is set up, so that no change that it causes is missed.
   */
  async waitUntilFinished(id: OperationId, seconds: number, begin: () => Promise<void>): Promise<Operation> {
    const changes = this.watcher.watch(id, 'state');
    try {
      await begin();
      const deadline = performance.now() + seconds * 1_000;
      for (;;) {
        const operation = await this.operations.get(id);
        const leftMs = deadline - performance.now();
        if (isFinished(operation) || leftMs <= 0) return operation;
        if ((await changes.next(Math.min(pollMs, leftMs))) === 'ended') return operation;
      }
    } finally {
      changes.close();
    }
  }
}
