import { unavailable } from '#fhir';

/** Whoever comes when so many are waiting is asked to come again. */
const MAX_WAITING = 200;

/**
 * Lets work on one project be done one piece after the other in this process. The database would make them wait for each
 * other anyway, but each on a connection of its own, and all but the first with rights that have changed meanwhile.
 */
export class Turns {
  private readonly queues = new Map<string, { last: Promise<unknown>; length: number }>();

  /** Runs `work` when all work on `projectId` that came before has settled. Throws 503 when too many are waiting. */
  async take<T>(projectId: string, work: () => Promise<T>): Promise<T> {
    const queue = this.queues.get(projectId) ?? { last: Promise.resolve(), length: 0 };
    if (queue.length >= MAX_WAITING) throw unavailable('Too many changes are waiting for their turn; try again');
    this.queues.set(projectId, queue);
    queue.length++;
    const turn = queue.last.then(work, work);
    queue.last = turn;
    try {
      return await turn;
    } finally {
      if (--queue.length === 0) this.queues.delete(projectId);
    }
  }
}
