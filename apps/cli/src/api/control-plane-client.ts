import { CommandError, InterruptedError, ProblemError, problemOf, UnreachableError } from './problem-error.js';
import { readServerSentEvents } from './server-sent-events.js';

const requestTimeoutMs = 60_000;

export type QueryParameters = Readonly<Record<string, string | number | undefined>>;

/** Speaks to one control plane over HTTP. Every method throws a ProblemError when it refuses and an UnreachableError without it. */
export class ControlPlaneClient {
  /**
   * `token` is an access token or an API key; without one only public routes answer. When `interrupted` aborts, what is
   * under way ends with an InterruptedError.
   */
  constructor(
    readonly url: string,
    private readonly interrupted: AbortSignal,
    private readonly token?: string,
  ) {}

  get<Body>(route: string, query: QueryParameters = {}): Promise<Body> {
    return this.send('GET', `${route}${queryText(query)}`);
  }

  post<Body>(route: string, body: object = {}): Promise<Body> {
    return this.send('POST', route, body);
  }

  /**
   * The data of the events of one type, parsed, until the stream ends.
   */
  async *events<Data>(route: string, type: string): AsyncGenerator<Data> {
    try {
      const response = await this.fetch('GET', route, { accept: 'text/event-stream' }, { signal: this.interrupted });
      if (response.status !== 200 || response.body === null) {
        throw new ProblemError(problemOf(response.status, await response.text()));
      }
      for await (const event of readServerSentEvents(response.body)) {
        if (event.type === type) yield JSON.parse(event.data) as Data;
      }
    } catch (error) {
      throw error instanceof ProblemError ? error : this.failure(error);
    }
  }

  private async send<Body>(method: string, route: string, body?: object): Promise<Body> {
    const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    const signal = AbortSignal.any([AbortSignal.timeout(requestTimeoutMs), this.interrupted]);
    const { status, text } = await this.fetch(
      method,
      route,
      { accept: 'application/json', ...headers },
      { signal, ...(body === undefined ? {} : { body: JSON.stringify(body) }) },
    )
      .then(async (response) => ({ status: response.status, text: await response.text() }))
      .catch((error: unknown) => {
        throw this.failure(error);
      });
    if (status < 200 || status > 299) throw new ProblemError(problemOf(status, text));
    try {
      return JSON.parse(text) as Body;
    } catch (cause) {
      throw new CommandError(`${this.url} is not a control plane: its answer is not JSON.`, { cause });
    }
  }

  private fetch(
    method: string,
    route: string,
    headers: Record<string, string>,
    rest: { signal: AbortSignal; body?: string },
  ): Promise<Response> {
    const authorization: Record<string, string> =
      this.token === undefined ? {} : { authorization: `Bearer ${this.token}` };
    return fetch(`${this.url}/control/v1${route}`, {
      method,
      headers: { ...headers, ...authorization },
      // Whoever answers in place of the control plane must not send our token anywhere.
      redirect: 'manual',
      ...rest,
    });
  }

  private failure(error: unknown): CommandError {
    if (this.interrupted.aborted) return new InterruptedError();
    return new UnreachableError(`${this.url} does not answer: ${reasonOf(error)}.`, { cause: error });
  }
}

/** What a failed fetch says: its own words are `fetch failed`, the reason is in its cause. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: unknown; message?: unknown } };
  const reasons = [cause?.message, cause?.code, message];
  return reasons.find((reason): reason is string => typeof reason === 'string' && reason !== '') ?? String(error);
}

function queryText(query: QueryParameters): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] satisfies [string, string]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}
