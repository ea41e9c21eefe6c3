import autocannon from 'autocannon';

export interface LoadResult {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/**
 * Closed-loop load on one server: `connections` clients, each with one request in flight, for `seconds` after a
 * warm-up of two seconds. Throws when any answer has another status than `expected`: a fast error is no result.
 */
export async function load(
  url: string,
  requests: autocannon.Request[],
  options: { connections: number; seconds: number; expected: number },
): Promise<LoadResult> {
  await run(url, requests, options.connections, 2, options.expected);
  return run(url, requests, options.connections, options.seconds, options.expected);
}

/**
 * Sends each of `requests` once, divided evenly among `connections` clients that each have one in flight (the number of
 * requests must be a multiple of the connections), and gives the requests per second. Throws as `load` does.
 */
export async function loadOnce(
  url: string,
  requests: readonly autocannon.Request[],
  { connections, expected }: { connections: number; expected: number },
): Promise<number> {
  const each = requests.length / connections;
  if (!Number.isInteger(each)) throw new Error(`${requests.length} requests cannot be divided among ${connections}`);
  let client = 0;
  const result = await autocannon({
    url,
    connections,
    amount: requests.length,
    setupClient: (connection) => {
      connection.setRequests(requests.slice(client * each, (client + 1) * each));
      client++;
    },
  });
  assertOnly(result, url, expected);
  return requests.length / result.duration;
}

function assertOnly(result: autocannon.Result, url: string, expected: number): void {
  const statuses = Object.keys(result.statusCodeStats ?? {});
  if (result.errors > 0 || statuses.some((status) => status !== String(expected))) {
    throw new Error(`expected only ${expected} from ${url}, got ${statuses.join(', ')} and ${result.errors} errors`);
  }
}

async function run(
  url: string,
  requests: autocannon.Request[],
  connections: number,
  duration: number,
  expected: number,
): Promise<LoadResult> {
  const result = await autocannon({ url, requests, connections, duration });
  assertOnly(result, url, expected);
  return {
    requestsPerSecond: result.requests.total / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  };
}
