/**
 * The floor of `read` and `create`: bare node:http and pg, doing the statements that the platform does and nothing else.
 * No routing, no token, no validation, no index extraction: the statements of creates are made before it listens.
 * Started by floor.ts as a process of its own, so that it gets the same share of the machine as the platform.
 */
import { createServer } from 'node:http';
import pg from 'pg';
import { recordedCreate, recordedRead } from './recorded-statements.js';
import { patient, seededRandom } from './seeded-resources.js';

const [databaseUrl, connections, creates] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: databaseUrl, max: Number(connections) });
const read = await recordedRead('Patient', 'any');
const bodies: { name: string | undefined; text: string; values: unknown[] }[] = [];
const random = seededRandom(7);
for (let index = 0; index < Number(creates); index++) {
  const statement = await recordedCreate(JSON.stringify(patient(random, index)));
  bodies.push({ name: statement.name, text: statement.text, values: [...statement.values] });
}

const server = createServer((request, response) => {
  const answer = (status: number, body: string): void => {
    response.writeHead(status, { 'content-type': 'application/fhir+json', 'content-length': Buffer.byteLength(body) });
    response.end(body);
  };
  if (request.method === 'GET') {
    const id = request.url?.slice((request.url?.lastIndexOf('/') ?? -1) + 1);
    pool.query({ name: read.name, text: read.text, values: ['Patient', id] }).then(
      (result) => answer(200, (result.rows[0] as { body: string }).body),
      () => answer(500, ''),
    );
    return;
  }
  let received = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => (received += chunk));
  request.on('end', () => {
    const statement = bodies.pop();
    if (statement === undefined) return answer(500, '');
    pool.query(statement).then(
      () => answer(201, received),
      () => answer(500, ''),
    );
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address !== 'string') process.stdout.write(`http://127.0.0.1:${address.port}\n`);
});
