import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import jwt from 'jsonwebtoken';
import { aDatabase, type CreatedProject, type RunningPlatform, startPlatform } from '#testing';
import { LeanConnection } from './lean-connection.js';

const AGENT = new Agent({ keepAlive: true });

let platform: RunningPlatform;
let project: CreatedProject;
let authorization: string;

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  project = await platform.createProject('rough-clinic');
  authorization = `Bearer ${await platform.clientToken(project)}`;
}, 120_000);

afterAll(() => platform?.stop());

const post = (path: string, body: string, type = 'application/fhir+json', headers: Record<string, string> = {}) =>
  fetch(`${project.baseUrl}fhir/R4/${path}`, {
    method: 'POST',
    headers: { authorization, 'content-type': type, ...headers },
    body,
  });

async function outcome(
  response: Response,
): Promise<{ status: number; type: string | null; text: string; expression?: string[] }> {
  const body = (await response.json()) as {
    resourceType: string;
    issue: { details: { text: string }; expression?: string[] }[];
  };
  expect(body.resourceType).toBe('OperationOutcome');
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    text: body.issue[0]?.details.text ?? '',
    expression: body.issue[0]?.expression,
  };
}

describe('the data plane answers bad input with an OperationOutcome and changes nothing', () => {
  test.each([
    ['broken JSON', () => post('Patient', '{"resourceType":"Patient",'), 400],
    ['wrong content type', () => post('Patient', '<Patient/>', 'application/fhir+xml'), 415],
    ['unknown type', () => post('Patienten', '{"resourceType":"Patienten"}'), 404],
    ['unknown element', () => post('Patient', '{"resourceType":"Patient","nick":"x"}'), 400],
    ['type that does not match the URL', () => post('Patient', '{"resourceType":"Group"}'), 400],
    [
      'a body over the limit',
      () => post('Patient', `{"resourceType":"Patient","id":"${'x'.repeat(40 * 1024 * 1024)}"}`),
      413,
    ],
    ['3,000-level nested JSON', () => post('Patient', `${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`), 400],
    [
      'a prototype key in a body',
      () => post('Patient', '{"resourceType":"Patient","__proto__":{"polluted":true}}'),
      400,
    ],
    [
      'a constructor key in a body',
      () => post('Patient', '{"resourceType":"Patient","constructor":{"prototype":{}}}'),
      400,
    ],
    ['the same key twice', () => post('Patient', '{"resourceType":"Patient","active":true,"active":false}'), 400],
    [
      'an unknown search parameter',
      () => fetch(`${project.baseUrl}fhir/R4/Patient?shoe=42`, { headers: { authorization } }),
      400,
    ],
    [
      'a prototype key as parameter',
      () => fetch(`${project.baseUrl}fhir/R4/Patient?__proto__=1`, { headers: { authorization } }),
      400,
    ],
    [
      'an id of another form',
      () => fetch(`${project.baseUrl}fhir/R4/Patient/not_an_id!`, { headers: { authorization } }),
      404,
    ],
    ['another FHIR version', () => fetch(`${project.baseUrl}fhir/R5/Patient`, { headers: { authorization } }), 404],
    ['a NUL character', () => fetch(`${project.baseUrl}fhir/R4/Patient?name=%00`, { headers: { authorization } }), 400],
  ])('%s', async (_name, send, status) => {
    const before = await counted();
    const answer = await outcome(await send());
    expect([answer.status, answer.type?.split(';')[0], answer.text !== '']).toEqual([
      status,
      'application/fhir+json',
      true,
    ]);
    expect(await counted()).toBe(before);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('an invalid element is named by its path', async () => {
    const answer = await outcome(await post('Patient', '{"resourceType":"Patient","name":[{"given":"Ana"}]}'));
    expect(answer.expression).toEqual(['Patient.name[0].given']);
  });

  async function counted(): Promise<number> {
    const response = await fetch(`${project.baseUrl}fhir/R4/Patient?_summary=count`, { headers: { authorization } });
    return ((await response.json()) as { total: number }).total;
  }
});

describe('tokens', () => {
  const read = (token: string) =>
    fetch(`${project.baseUrl}fhir/R4/Patient`, { headers: { authorization: `Bearer ${token}` } });

  test('alg none, a wrong key, and nonsense are refused with 401', async () => {
    const claims = jwt.decode(authorization.slice('Bearer '.length)) as Record<string, unknown>;
    const unsigned = jwt.sign(claims, '', { algorithm: 'none' });
    const symmetric = jwt.sign(claims, 'guess', { algorithm: 'HS256' });
    const tampered = `${authorization.slice('Bearer '.length, -4)}AAAA`;
    for (const token of [unsigned, symmetric, tampered, 'nonsense', '']) {
      expect((await read(token)).status).toBe(401);
    }
  });

  test('a wrong client secret is refused without saying what was wrong', async () => {
    const ask = (id: string, secret: string) =>
      fetch(`${project.baseUrl}oauth2/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: id,
          client_secret: secret,
        }).toString(),
      });
    const wrongSecret = await ask(project.adminClient.clientId, 'wrong');
    const unknownClient = await ask('00000000-0000-4000-8000-000000000000', 'wrong');
    expect([400, 401]).toContain(wrongSecret.status);
    expect(wrongSecret.status).toBe(unknownClient.status);
    expect(await wrongSecret.json()).toEqual(await unknownClient.json());
  });
});

describe('the control plane answers bad input with a problem document', () => {
  test.each([
    ['a slug with an upper-case letter', { slug: 'Quay', name: 'Q', fhirVersion: '4.0.1' }, 400],
    ['a slug with two hyphens', { slug: 'quay--clinic', name: 'Q', fhirVersion: '4.0.1' }, 400],
    ['a reserved slug', { slug: 'admin', name: 'Q', fhirVersion: '4.0.1' }, 400],
    ['an unknown property', { slug: 'fine-slug', name: 'Q', fhirVersion: '4.0.1', colour: 'red' }, 400],
    ['a taken slug', { slug: 'rough-clinic', name: 'Q', fhirVersion: '4.0.1' }, 409],
    ['an unknown FHIR version', { slug: 'fine-slug', name: 'Q', fhirVersion: '9.9.9' }, 422],
    ['a FHIR version that comes later', { slug: 'fine-slug', name: 'Q', fhirVersion: 'R6' }, 422],
  ])('%s', async (_name, body, status) => {
    const response = await platform.control('POST', '/projects', body);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const problem = (await response.json()) as Record<string, unknown>;
    expect([response.status, problem['status'], typeof problem['code'], typeof problem['requestId']]).toEqual([
      status,
      status,
      'string',
      'string',
    ]);
  });

  test('a wrong password says no more than an unknown e-mail', async () => {
    const login = (email: string) =>
      fetch(`${platform.controlUrl}/control/v1/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ email, password: 'wrong-password' }),
      });
    const [known, unknown] = [await login(platform.operator.email), await login('nobody@example.com')];
    expect(known.status).toBe(unknown.status);
    const [a, b] = [(await known.json()) as Record<string, unknown>, (await unknown.json()) as Record<string, unknown>];
    expect({ ...a, requestId: '' }).toEqual({ ...b, requestId: '' });
  });
});

describe('the process survives hostile connections', () => {
  test('a 10 MB header gets 431 and the connection is closed', async () => {
    const { hostname, port } = new URL(platform.dataUrl);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), hostname);
      let received = '';
      socket.on('data', (chunk) => (received += chunk.toString()));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(received));
      socket.write(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: `);
      const piece = 'a'.repeat(64 * 1024);
      const send = (left: number): void => {
        if (left > 0 && socket.writable) socket.write(piece, () => send(left - 1));
      };
      send(160);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect((await fetch(`${platform.dataUrl}/healthz`)).status).toBe(200);
  });

  test('100,000 unknown hosts cost no memory to speak of and do not stop a known one', async () => {
    const { hostname, port } = new URL(platform.dataUrl);
    const ask = (host: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const call = request(
          { hostname, port, path: '/fhir/R4/metadata', headers: { host }, agent: AGENT },
          (response) => {
            response.resume();
            response.on('end', () => resolve(response.statusCode ?? 0));
          },
        );
        call.on('error', reject);
        call.end();
      });
    const rss = async (): Promise<number> => {
      const metrics = await (await fetch(`${platform.dataUrl}/metrics`)).text();
      return Number(/^process_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1]);
    };
    const flood = async (from: number, count: number): Promise<void> => {
      const answers = new Map<number, number>();
      await Promise.all(
        Array.from({ length: 16 }, async (_, lane) => {
          const connection = await LeanConnection.open(platform.dataUrl);
          for (let index = lane; index < count; index += 16) {
            const status = await connection.get(`h${from + index}.localhost`, '/fhir/R4/metadata');
            answers.set(status, (answers.get(status) ?? 0) + 1);
          }
          connection.close();
        }),
      );
      expect([...answers]).toEqual([[404, count]]);
    };
    await flood(1_000_000, 20_000);
    const before = await rss();
    const latencies: number[] = [];
    let flooding = true;
    const known = (async () => {
      while (flooding) {
        const started = performance.now();
        expect(await ask('rough-clinic.localhost')).toBe(200);
        latencies.push(performance.now() - started);
      }
    })();
    await flood(0, 100_000);
    flooding = false;
    await known;
    const limit = 20 * 1024 * 1024;
    let grown = (await rss()) - before;
    // What is not needed any more may still be there for a while; what is kept stays.
    for (let waited = 0; grown >= limit && waited < 60; waited++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      grown = (await rss()) - before;
    }
    expect(grown).toBeLessThan(limit);
    expect(latencies.length).toBeGreaterThan(100);
    const p95 = latencies.sort((a, b) => a - b)[Math.floor(latencies.length * 0.95)] ?? 0;
    process.stdout.write(`A known host meanwhile: ${latencies.length} requests, p95 ${p95.toFixed(1)} ms.\n`);
  }, 600_000);
});
