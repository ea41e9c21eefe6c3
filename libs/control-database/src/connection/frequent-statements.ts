import { LRUCache } from 'lru-cache';

/** As often as PostgreSQL itself plans a statement anew before it thinks of keeping a plan. */
const usesBefore = 5;
/** With its plan, each takes some 80 KiB of the server's memory for every connection, the largest 270 (measured). */
const mostPrepared = 40;
const mostCounted = 1_000;

/**
 * Finds the statements that this process runs again and again, whose reading and planning costs PostgreSQL more than
 * their execution: those are worth preparing on each connection.
 */
export class FrequentStatements {
  private readonly names = new Map<string, string>();
  private readonly uses = new LRUCache<string, number>({ max: mostCounted });

  /** The name under which to prepare the statement; undefined while it is not known to be a frequent one. */
  nameFor(text: string): string | undefined {
    const name = this.names.get(text);
    if (name !== undefined || this.names.size >= mostPrepared) return name;
    const uses = (this.uses.get(text) ?? 0) + 1;
    this.uses.set(text, uses);
    if (uses === usesBefore && hasColumnsOfItsOwn(text)) this.names.set(text, `frequent_${this.names.size + 1}`);
    return undefined;
  }
}

/**
 * Whether the statement names the columns of its result. PostgreSQL refuses to execute a prepared one that says `*` when
 * the next release has added a column to the table.
 */
export function hasColumnsOfItsOwn(text: string): boolean {
  let outermost = text;
  for (let before = ''; before !== outermost;) {
    before = outermost;
    outermost = before.replace(/\([^()]*\)/g, '');
  }
  return !/\b(SELECT|RETURNING)\s+([^;]*,\s*)?(\w+\.)?\*/i.test(outermost);
}
