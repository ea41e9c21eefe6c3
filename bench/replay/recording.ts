import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type RunningPlatform } from '#testing';

/** One statement as the platform sent it. */
interface RecordedStatement {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** What the platform sent to PostgreSQL for one request, and what it answered. */
export interface RecordedRequest {
  readonly method: NonNullable<PlainRequest['method']>;
  readonly statements: readonly RecordedStatement[];
  readonly status: number;
  readonly answer: string;
}

export interface PlainRequest {
  readonly method?: 'GET' | 'POST' | 'PUT';
  /** Below the server's root. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * Sends `requests` one after another through a second data plane of `platform`, which takes down its statements to
 * `database`, the tenant's. The floor replays exactly these, so that it does the same work in the database. Throws for an answer of another status.
 */
export async function record(
  platform: RunningPlatform,
  database: string,
  requests: readonly PlainRequest[],
  expected: number,
): Promise<RecordedRequest[]> {
  const folder = await mkdtemp(join(tmpdir(), 'boxyard-record-'));
  const file = join(folder, 'statements.jsonl');
  await writeFile(file, '');
  const port = await freePort();
  const plane = spawn(
    process.execPath,
    ['--import', './dist/bench/replay/record-statements.js', 'dist/apps/data-plane/src/main.js'],
    {
      env: { ...platform.env, DATA_PORT: String(port), BENCH_DATABASE: database, BENCH_STATEMENTS: file },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(`${url}/readyz`);
    const recorded: RecordedRequest[] = [];
    // The first request also logs in and loads keys: it is sent twice and taken down once.
    const [first] = requests;
    if (first !== undefined && (first.method ?? 'GET') === 'GET') await send(url, first, expected);
    for (const request of requests) {
      await truncate(file, 0);
      const answer = await send(url, request, expected);
      const statements = await statementsIn(file);
      recorded.push({
        method: request.method ?? 'GET',
        statements: statements.filter(({ name }) => name !== 'store_principal'),
        status: expected,
        answer,
      });
    }
    return recorded;
  } finally {
    plane.kill('SIGTERM');
    await once(plane, 'exit');
    await rm(folder, { recursive: true, force: true });
  }
}

async function send(url: string, request: PlainRequest, expected: number): Promise<string> {
  const { path, ...init } = request;
  const response = await fetch(`${url}${path}`, init);
  const answer = await response.text();
  if (response.status !== expected)
    throw new Error(`${path} answered ${response.status}, not ${expected}: ${answer.slice(0, 500)}`);
  return answer;
}

async function statementsIn(file: string): Promise<RecordedStatement[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as RecordedStatement);
}

async function untilReady(url: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (
    !(await fetch(url).then(
      (response) => response.ok,
      () => false,
    ))
  ) {
    if (Date.now() > deadline) throw new Error('The recording data plane was not ready within 30 s.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
