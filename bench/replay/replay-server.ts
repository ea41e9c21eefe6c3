/**
 * The floor: bare node:http and pg. `/<n>` runs the statements of the n-th recorded request, one after another on one
 * connection of a pool, and sends the recorded answer. No routing, no token, no validation, no index extraction. Started
 * by replay.ts as a process of its own, so that it gets the same share of the machine as the platform.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import pg from 'pg';
import type { RecordedRequest } from './recording.js';

const [databaseUrl, connections, file = ''] = process.argv.slice(2);
const requests = JSON.parse(readFileSync(file, 'utf8')) as RecordedRequest[];
const pool = new pg.Pool({ connectionString: databaseUrl, max: Number(connections) });

async function run({ statements }: RecordedRequest): Promise<void> {
  const [only] = statements;
  if (only !== undefined && statements.length === 1) {
    await pool.query({ ...only, values: [...only.values] });
    return;
  }
  const client = await pool.connect();
  try {
    for (const statement of statements) await client.query({ ...statement, values: [...statement.values] });
  } finally {
    client.release();
  }
}

const server = createServer((request, response) => {
  const recorded = requests[Number(request.url?.slice(1))];
  const answer = (status: number, body: string): void => {
    response.writeHead(status, { 'content-type': 'application/fhir+json', 'content-length': Buffer.byteLength(body) });
    response.end(body);
  };
  const work = (): void => {
    if (recorded === undefined) return answer(404, '');
    run(recorded).then(
      () => answer(recorded.status, recorded.answer),
      (error: unknown) => {
        process.stderr.write(`the floor failed at ${request.url}: ${String(error)}\n`);
        answer(500, '');
      },
    );
  };
  if (request.method === 'GET') return work();
  request.resume();
  request.on('end', work);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address !== 'string') process.stdout.write(`http://127.0.0.1:${address.port}\n`);
});
