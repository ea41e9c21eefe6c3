import type { Contention } from './plan-failure.js';

/** In which projects' databases others were found at work by this worker. */
export class Contentions {
  private readonly met = new Map<string, { readonly since: number; readonly times: number }>();

  /** Counts that they were there once more; `patienceMs` is how long they may be. */
  add(projectId: string, patienceMs: number): Contention {
    const now = performance.now();
    const { since, times } = this.met.get(projectId) ?? { since: now, times: 0 };
    this.met.set(projectId, { since, times: times + 1 });
    return { times: times + 1, forMs: now - since, patienceMs };
  }

  /** They are through, or are not waited for any more. */
  forget(projectId: string): void {
    this.met.delete(projectId);
  }
}
