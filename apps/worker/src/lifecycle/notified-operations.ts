import { listen, type Listener } from '#postgres';

/** The control database notifies it, with an operation's id, when an operation or one of its steps has changed. */
const channel = 'boxyard_operation';

/** Beyond this many at once a worker leaves new operations to the queue, which gives them to whoever has time. */
const maxAtOnce = 4;

/** Ids that have been notified before; later notifications of them are about progress, not about new work. */
const rememberedIds = 10_000;

/**
 * Runs new operations as soon as the transaction that wrote them has committed, some milliseconds before the queue can.
 * Only a hint, like the queue's: of several workers one gets the lease, and what is missed here comes by the queue or
 * is found by the reconciler.
 */
export function runNotifiedOperations(
  databaseUrl: string,
  run: (operationId: string) => Promise<void>,
  onError: (error: unknown) => void,
): Promise<Listener> {
  const seen = new Set<string>();
  let running = 0;
  const onNotification = (_: string, operationId: string): void => {
    if (seen.has(operationId) || running >= maxAtOnce) return;
    remember(seen, operationId);
    running++;
    void run(operationId)
      .catch(onError)
      .finally(() => running--);
  };
  return listen(databaseUrl, [channel], onNotification, onError);
}

/** Sets keep the order of insertion, so the first id is the oldest. */
function remember(seen: Set<string>, id: string): void {
  seen.add(id);
  if (seen.size <= rememberedIds) return;
  const [oldest] = seen;
  if (oldest !== undefined) seen.delete(oldest);
}
