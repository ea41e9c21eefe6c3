import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { RolloutId, RolloutState } from '#control-database';
import { ChangeSignal } from '../operations/change-signal.js';
import type { RolloutResponse } from './rollout.response.js';
import { RolloutsService } from './rollouts.service.js';

/** A running rollout changes all the time, and nobody reads faster than twice a second. */
const movingMs = 500;
/** One that stands still is changed by operators alone. */
const restingMs = 1_000;

const ended: readonly RolloutState[] = ['aborted', 'succeeded'];

/**
 * Tells how a rollout gets on, for as long as somebody listens. It looks instead of being told: what changes a thousand
 * times a second is worth one look now and then, and a look misses nothing.
 */
@Injectable()
export class RolloutFollower implements OnModuleDestroy {
  private readonly looks = new Map<RolloutId, { at: number; rollout: Promise<RolloutResponse> }>();
  private readonly signals = new Set<ChangeSignal>();
  private isClosed = false;

  constructor(private readonly rollouts: RolloutsService) {}

  /** Ends every stream, so that none holds up the stop of the process. */
  onModuleDestroy(): void {
    this.isClosed = true;
    this.signals.forEach((signal) => signal.end());
  }

  /**
   * Gives the rollout as it is now, then again when it has changed, at most twice a second, and ends with its last state,
   * when `signal` aborts, or when the process stops. Gives undefined after every `idleMs` without a change.
   */
  async *follow(
    id: RolloutId,
    { signal, idleMs }: { signal: AbortSignal; idleMs: number },
  ): AsyncGenerator<RolloutResponse | undefined> {
    const pauses = new ChangeSignal(() => this.signals.delete(pauses));
    this.signals.add(pauses);
    const end = () => pauses.end();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted || this.isClosed) end();
    try {
      let last = '';
      let idleSince = performance.now();
      for (;;) {
        const rollout = await (last === '' ? this.lookAnew(id) : this.look(id));
        const text = comparable(rollout);
        if (text !== last) {
          last = text;
          idleSince = performance.now();
          yield rollout;
        } else if (performance.now() - idleSince >= idleMs) {
          idleSince = performance.now();
          yield undefined;
        }
        if (ended.includes(rollout.state)) return;
        if ((await pauses.next(rollout.state === 'running' ? movingMs : restingMs)) === 'ended') return;
      }
    } finally {
      signal.removeEventListener('abort', end);
      pauses.close();
    }
  }

  /** The rollout as it was within the last half second: however many follow it, it is looked at only so often. */
  private look(id: RolloutId): Promise<RolloutResponse> {
    const last = this.looks.get(id);
    return last !== undefined && performance.now() - last.at < movingMs ? last.rollout : this.lookAnew(id);
  }

  private lookAnew(id: RolloutId): Promise<RolloutResponse> {
    const at = performance.now();
    for (const [key, look] of this.looks) if (at - look.at >= movingMs) this.looks.delete(key);
    const rollout = this.rollouts.describe(id);
    this.looks.set(id, { at, rollout });
    return rollout;
  }
}

/** The estimate moves with the clock alone, which is no news. */
function comparable({ eta: _, ...rollout }: RolloutResponse): string {
  return JSON.stringify(rollout);
}
