import { Agent, request, type IncomingHttpHeaders } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 16 });

/** Closes what is kept open between calls. */
export const hangUp = (): void => agent.destroy();

/** How often a request is repeated that the server has no time for; a loaded machine is no leak. */
const attempts = 20;
const pauseMs = 250;

/** Sends the path exactly as it stands: `fetch` would put it right. Repeats what is answered 503. */
export async function send(base: string, path: string, call: Call = {}): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    const answer = await sendOnce(base, path, call);
    if (answer.status !== 503 || attempt === attempts) return answer;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

function sendOnce(base: string, path: string, { method = 'GET', headers = {}, body }: Call): Promise<Answer> {
  const url = new URL(base);
  return new Promise((resolve, reject) => {
    const options = { method, host: url.hostname, port: url.port, path: `${url.pathname}${path}`, headers, agent };
    const call = request(options, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(parts).toString() }),
      );
    });
    call.on('error', (cause) => reject(new Error(`${method} ${path} was not answered`, { cause })));
    call.end(body);
  });
}
