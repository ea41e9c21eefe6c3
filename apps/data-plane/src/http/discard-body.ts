import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';

/** How long a client that is still sending is listened to, so that it gets to read our answer. */
const LINGER_MS = 2_000;

/**
 * Reads the rest of a body and throws it away, for two seconds at most. Most clients read no answer before they have
 * sent everything, and a connection that is closed under them loses it.
 */
export async function discardBody(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return;
  const enough = new AbortController();
  const timer = setTimeout(() => enough.abort(), LINGER_MS);
  request.resume();
  // Whatever ends it, the wait is over: the end of the body, a lost connection, or our patience.
  await Promise.race([
    once(request, 'close', { signal: enough.signal }),
    once(request, 'end', { signal: enough.signal }),
  ]).catch(() => undefined);
  clearTimeout(timer);
  enough.abort();
}
