import autocannon from 'autocannon';

/**
 * Sends each of `requests` once, divided evenly among `connections` clients that each have one in flight (the number of
 * requests must be a multiple of the connections), and gives the requests per second. Throws when any answer has another
 * status than `expected`: a fast error is no result.
 */
export async function loadOnce(
  url: string,
  requests: readonly autocannon.Request[],
  { connections, expected }: { connections: number; expected: number },
): Promise<number> {
  const each = requests.length / connections;
  if (!Number.isInteger(each)) throw new Error(`${requests.length} requests cannot be divided among ${connections}`);
  let client = 0;
  // autocannon notices the end at the next whole second, so the last answer is looked at here.
  let lastAnswerAt = 0;
  const started = performance.now();
  const result = await autocannon({
    url,
    connections,
    amount: requests.length,
    setupClient: (connection) => {
      connection.setRequests(requests.slice(client * each, (client + 1) * each));
      client++;
      connection.on('response', () => {
        lastAnswerAt = performance.now();
      });
    },
  });
  assertOnly(result, url, expected);
  return requests.length / ((lastAnswerAt - started) / 1000);
}

function assertOnly(result: autocannon.Result, url: string, expected: number): void {
  const statuses = Object.keys(result.statusCodeStats ?? {});
  if (result.errors > 0 || statuses.some((status) => status !== String(expected))) {
    throw new Error(`expected only ${expected} from ${url}, got ${statuses.join(', ')} and ${result.errors} errors`);
  }
}
