import type { Page } from './answers.js';
import type { ControlPlaneClient, QueryParameters } from './control-plane-client.js';

/** The most that the control plane gives at once. */
const mostPerPage = 200;

/**
 * Reads a list from its beginning, page by page, until there are `limit` items or no more. The answer is the first page
 * with the items of all, so that other members of a list are kept, and `next` goes on behind the last item.
 */
export async function readList<Answer extends Page<unknown>>(
  client: ControlPlaneClient,
  route: string,
  query: QueryParameters,
  limit: number,
): Promise<Answer> {
  const read = (had: number, cursor?: string) =>
    client.get<Answer>(route, { ...query, limit: Math.min(limit - had, mostPerPage), cursor });
  const first = await read(0);
  const items = [...first.items];
  let { next } = first;
  while (next !== null && items.length < limit) {
    const page = await read(items.length, next);
    items.push(...page.items);
    next = page.next;
  }
  return { ...first, items, next };
}
