/**
 * Thousands of malformed searches and bodies: each gets an answer below 500, as an OperationOutcome when it is refused,
 * and what is refused leaves the database as it was.
 */
import { Agent, request } from 'node:http';
import { fhirVersion, type JsonObject } from '#fhir';
import { compiledSql, connectOnce, type OwnedConnection } from '#postgres';
import { aDatabase, type RunningPlatform, runs, SeededRandom, startPlatform } from '#testing';
import { officialExamples } from '../conformance/official-examples.js';
import { RandomSearches } from '../conformance/search/random/random-searches.js';
import { garbledJson, garbledQuery } from './garbled.js';
import { identityOf } from '../conformance/identity.js';

const requests = runs({ sample: 250, deep: 10_000 });
const agent = new Agent({ keepAlive: true });

let platform: RunningPlatform;
let base: URL;
let authorization: string;
let tenant: OwnedConnection;
const version = fhirVersion('R4');
const examples = officialExamples('R4').filter(
  (example, number) => number % 5 === 0 && version.validate(example).length === 0,
);

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  const project = await platform.createProject('fuzzed');
  base = new URL(`${project.baseUrl}fhir/R4/`);
  authorization = `Bearer ${await platform.clientToken(project)}`;
  tenant = await connectOnce(await tenantUrl(project.id));
  for (const example of examples) {
    const path = identityOf(example).address;
    const put = await send('PUT', path, JSON.stringify(example));
    if (put.status !== 201) throw new Error(`PUT ${path} was answered ${put.status}: ${put.text}`);
  }
}, 120_000);

afterAll(async () => {
  await tenant?.close();
  await platform?.stop();
  agent.destroy();
});

describe('malformed input', () => {
  test(`${requests} searches are answered below 500`, async () => {
    const random = new SeededRandom(4_711);
    const searches = new RandomSearches(version, examples, random);
    const before = await fingerprint();
    const wrong: object[] = [];
    let refused = 0;
    for (let sent = 0; sent < requests; sent++) {
      const search = garbledQuery(searches.next(), random);
      const answer = await (random.chance(0.2) ? postSearch(search) : send('GET', search));
      if (!isProper(answer)) wrong.push({ search, ...answer });
      if (answer.status >= 400) refused++;
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(requests / 4);
    expect(await fingerprint()).toBe(before);
    expect(await isAlive()).toBe(true);
  }, 600_000);

  test(`${requests} bodies are answered below 500, and the refused ones change nothing`, async () => {
    const random = new SeededRandom(815);
    const wrong: object[] = [];
    let refused = 0;
    let before = await fingerprint();
    for (let sent = 0; sent < requests; sent++) {
      const [method, path, body, type] = badWrite(random);
      const answer = await send(method, path, body, type);
      if (!isProper(answer)) wrong.push({ method, path, body: body.slice(0, 2_000), ...answer });
      const after = await fingerprint();
      if (answer.status >= 400) {
        refused++;
        if (after !== before) wrong.push({ method, path, body: body.slice(0, 2_000), changed: [before, after] });
      }
      before = after;
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(requests / 2);
    expect(await isAlive()).toBe(true);
  }, 600_000);
});

type Write = readonly [method: string, path: string, body: string, type?: string];

function badWrite(random: SeededRandom): Write {
  const example = random.pick(examples);
  const { type: resourceType, address: path } = identityOf(example);
  const text = JSON.stringify(example);
  switch (random.below(6)) {
    case 0:
      return ['POST', resourceType, garbledJson(text, random)];
    case 1:
      return ['PUT', path, garbledJson(text, random)];
    case 2:
      return ['PUT', garbledQuery(`${resourceType}?identifier=${random.below(9)}`, random), text];
    case 3:
      return ['PATCH', path, garbledJson(jsonPatch(random), random), 'application/json-patch+json'];
    case 4:
      return ['PATCH', path, garbledJson(fhirpathPatch(resourceType), random)];
    default:
      return ['POST', '', garbledJson(bundle(random), random)];
  }
}

function jsonPatch(random: SeededRandom): string {
  const path = random.pick(['/id', '/meta', '/name/0/family', '/text', '/0/-/~2', '', '/resourceType', '/active']);
  const op = random.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'explode']);
  return JSON.stringify([{ op, path, from: '/text', value: random.pick([null, 1.5, 'x', {}, [[[]]]]) }]);
}

function fhirpathPatch(resourceType: string): string {
  const part = [
    { name: 'type', valueCode: 'add' },
    { name: 'path', valueString: `${resourceType}.where(id.exists())` },
    { name: 'name', valueString: 'language' },
    { name: 'value', valueCode: 'en' },
  ];
  return JSON.stringify({ resourceType: 'Parameters', parameter: [{ name: 'operation', part }] });
}

function bundle(random: SeededRandom): string {
  const entry = Array.from({ length: 1 + random.below(4) }, (_, number) => {
    const resource: JsonObject = { ...random.pick(examples) };
    const { type, address } = identityOf(resource);
    return {
      fullUrl: `urn:uuid:0000000${number}-0000-4000-8000-000000000000`,
      resource,
      request: random.pick<object>([
        { method: 'POST', url: type },
        { method: 'PUT', url: address },
        { method: 'DELETE', url: `${type}/nobody` },
        { method: 'GET', url: `${type}?_count=1` },
        { method: 'PATCH', url: type },
        { method: 'POST', url: type, ifNoneExist: '_id=nobody&' },
      ]),
    };
  });
  return JSON.stringify({ resourceType: 'Bundle', type: random.pick(['batch', 'transaction', 'message']), entry });
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

function isProper({ status, type, text }: Answer): boolean {
  if (status >= 500) return false;
  if (status < 400) return true;
  return type.startsWith('application/fhir+json') && text.startsWith('{"resourceType":"OperationOutcome"');
}

/** Sends the path as it stands: `fetch` would put it right. */
function send(method: string, path: string, body?: string, type = 'application/fhir+json'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization, ...(body === undefined ? {} : { 'content-type': type }) };
    const options = { method, host: base.hostname, port: base.port, path: `${base.pathname}${path}`, headers, agent };
    const call = request(options, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers['content-type'] ?? '',
          text: Buffer.concat(parts).toString(),
        }),
      );
    });
    call.on('error', (cause) => reject(new Error(`${method} ${path} was not answered`, { cause })));
    call.end(body);
  });
}

function postSearch(search: string): Promise<Answer> {
  const [path = '', ...query] = search.split('?');
  return send('POST', `${path}/_search`, query.join('?'), 'application/x-www-form-urlencoded');
}

/** How many rows each table has but those of the audit, which records refusals, and the numbers of all versions. */
async function fingerprint(): Promise<string> {
  const tables = await tenant.query<{ name: string }>(
    compiledSql({
      text: `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'audit%'
             ORDER BY tablename`,
      values: [],
    }),
  );
  const counts = tables.map(({ name }) => `(SELECT '${name} ' || count(*) FROM ${name})`);
  const versions = `(SELECT 'versions ' || sum(version) FROM resource)`;
  const [row] = await tenant.query<{ state: string }>(
    compiledSql({ text: `SELECT concat_ws(', ', ${[...counts, versions].join(', ')}) AS state`, values: [] }),
  );
  return row?.state ?? '';
}

async function tenantUrl(projectId: string): Promise<string> {
  const control = await connectOnce(platform.databaseUrl);
  try {
    const [row] = await control.query<{ name: string }>(
      compiledSql({
        text: 'SELECT database_name AS name FROM tenant_database WHERE project_id = $1',
        values: [projectId],
      }),
    );
    const url = new URL(platform.databaseUrl);
    url.pathname = `/${row?.name ?? ''}`;
    return url.href;
  } finally {
    await control.close();
  }
}

async function isAlive(): Promise<boolean> {
  const { exitCode, signalCode } = platform.process('data-plane');
  const health = await fetch(`${platform.dataUrl}/healthz`);
  return exitCode === null && signalCode === null && health.ok;
}
