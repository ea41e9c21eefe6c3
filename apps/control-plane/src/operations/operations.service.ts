import { Injectable } from '@nestjs/common';
import { OperationRepository, type Operation, type OperationId, type OperationWithSteps } from '#control-database';
import { DomainError } from '#platform';
import { OperationWatcher } from './operation-watcher.js';
import { isFinished, toOperationResponse, type OperationResponse } from './operation.response.js';

/** A free worker has taken an operation up by then. */
const quickMs = 250;

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
    assertForm(id);
    return this.operations.get(id);
  }

  async describe(id: OperationId): Promise<OperationResponse> {
    assertForm(id);
    const { operation, steps } = await this.operations.getWithSteps(id);
    return toOperationResponse(operation, steps);
  }

  /**
   * Gives the operation as it is now, then again after each change, and ends with its last state, when `signal` aborts,
   * or when the process stops. Gives undefined after every `idleMs` without a change.
   */
  async *follow(
    id: OperationId,
    { signal, idleMs }: { signal: AbortSignal; idleMs: number },
  ): AsyncGenerator<OperationResponse | undefined> {
    const changes = this.watcher.watch(id, 'progress');
    const end = () => changes.end();
    signal.addEventListener('abort', end, { once: true });
    try {
      let last = '';
      let idleSince = performance.now();
      for (let wait = signal.aborted ? 'ended' : 'change'; wait !== 'ended'; wait = await changes.next(pollMs)) {
        const operation = await this.describe(id);
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
   * Waits until an operation that was just queued has ended, at most so many seconds, and gives its last known state. A
   * free worker takes it up at once; `onLeft` is called if nobody has done so after a moment.
   */
  async waitUntilFinished(id: OperationId, seconds: number, onLeft: () => Promise<void>): Promise<OperationWithSteps> {
    const changes = this.watcher.watch(id, 'end');
    try {
      const deadline = performance.now() + seconds * 1_000;
      let waitMs = quickMs;
      for (;;) {
        const end = await changes.next(Math.min(waitMs, deadline - performance.now()));
        const found = await this.operations.getWithSteps(id);
        if (isFinished(found.operation) || end === 'ended' || performance.now() >= deadline) return found;
        if (waitMs === quickMs && found.operation.state === 'queued') await onLeft();
        waitMs = pollMs;
      }
    } finally {
      changes.close();
    }
  }
}

function assertForm(id: OperationId): void {
  if (!/^op_[0-9a-z]{26}$/.test(id)) {
    throw new DomainError('not-found', 'operation-not-found', 'There is no such operation.');
  }
}
