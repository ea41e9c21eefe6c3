/** Bundles and `$set-accounts` with `Prefer: respond-async`, through a whole data plane. */
import { randomUUID } from 'node:crypto';
import { MedplumClient } from '@medplum/core';
import type { JsonObject } from '#fhir';
import { connectOnce, sql } from '#postgres';
import { aDataPlane, type Answer, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { jobIdOf, JobClient, later } from './jobs.fixture.js';

let plane: TestPlane;
let project: TestProject;
let client: JobClient;

beforeAll(async () => {
  plane = await aDataPlane();
  project = await plane.createProject('later');
  client = new JobClient(plane, project);
});

afterAll(() => plane?.close());
// A member may have only so many.
afterEach(() => client.forgetJobs());

const extended = { 'x-medplum': 'extended' };
const aPatient = (family: string) => ({ resourceType: 'Patient', name: [{ family }] });
const creating = (...resources: { resourceType: string }[]) =>
  resources.map((resource) => ({ request: { method: 'POST', url: resource.resourceType }, resource }));
const aBundle = (type: string, entry: unknown[]) => ({ resourceType: 'Bundle', type, entry });
const found = async (family: string): Promise<number> =>
  (await client.get(`Patient?family=${family}&_total=accurate`)).json.total;
const statusesOf = ({ json }: Answer) => json.entry.map(({ response }) => response.status.slice(0, 3));

describe('a Bundle with respond-async', () => {
  test.each(['transaction', 'batch'])(
    'of type %s is accepted, carried out, and answered as it would be',
    async (type) => {
      const bundle = aBundle(type, creating(aPatient(`Async${type}`), aPatient(`Async${type}`)));
      const accepted = await client.send('POST', '', bundle, { ...later, ...extended });
      expect([accepted.status, accepted.json.resourceType]).toEqual([202, 'OperationOutcome']);
      const location = String(accepted.headers['content-location']);
      expect(location).toMatch(
        new RegExp(`^${plane.url}/p/later/fhir/R4/job/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/status$`),
      );
      const answer = await client.ended(client.pathOf(location));
      expect([answer.status, answer.json.type]).toEqual([200, `${type}-response`]);
      expect(statusesOf(answer)).toEqual(['201', '201']);
      expect(answer.json.entry[0]?.resource.meta.project).toBe(project.id);
      expect(await found(`Async${type}`)).toBe(2);
      // Asked again, it is the same; what was asked for is kept no longer.
      expect((await client.get(client.pathOf(location))).text).toBe(answer.text);
      const kept = (await client.jobs()).find(({ id }) => location.includes(id));
      expect(kept).toMatchObject({ state: 'completed', request: null });
    },
  );

  test('is told how far it has come while it waits or works', async () => {
    await client.inDatabase(async (connection) => {
      let path = '';
      await connection.transaction(async (transaction) => {
        await transaction.query(sql`LOCK TABLE resource IN EXCLUSIVE MODE`);
        path = await client.start('', aBundle('transaction', creating(aPatient('Slow'))));
        const working = await client.get(path);
        expect(working.status).toBe(202);
        expect(working.headers).toMatchObject({
          'x-progress': expect.stringMatching(/waiting|working/),
          'retry-after': '1',
        });
      });
      expect((await client.ended(path)).status).toBe(200);
    });
  });

  test.each([
    ['is no Bundle', { resourceType: 'Patient' }, 400],
    ['is of another type', aBundle('collection', []), 400],
    ['is a transaction with a type that is none', aBundle('transaction', creating({ resourceType: 'Nothing' })), 404],
    ['is a transaction with an entry without a request', aBundle('transaction', [{ resource: aPatient('x') }]), 400],
  ])('that %s is refused at once', async (_, bundle, status) => {
    const before = await client.jobs();
    const answer = await client.send('POST', '', bundle, later);
    expect([answer.status, answer.json.resourceType]).toEqual([status, 'OperationOutcome']);
    expect(await client.jobs()).toEqual(before);
  });

  test('that fails answers why, with its own status, and has written nothing', async () => {
    const id = await client.put(aPatient('Kept'));
    const update = {
      request: { method: 'PUT', url: `Patient/${id}`, ifMatch: 'W/"1"' },
      resource: { ...aPatient('Never'), id },
    };
    const bundle = aBundle('transaction', [...creating(aPatient('Never')), update]);
    const direct = await client.send('POST', '', bundle);
    const path = await client.start('', bundle);
    const answer = await client.ended(path);
    expect([answer.status, answer.text]).toEqual([direct.status, direct.text]);
    expect(answer.status).toBe(412);
    expect(await found('Never')).toBe(0);
  });

  test('can be followed with startAsyncRequest of an unmodified MedplumClient', async () => {
    const medplum = new MedplumClient({ baseUrl: `${plane.url}${project.path}`, fetch: globalThis.fetch });
    await medplum.startClientLogin(project.clientId, project.clientSecret);
    const answer = await medplum.startAsyncRequest<JsonObject>(`${plane.url}${project.path}fhir/R4`, {
      body: JSON.stringify(aBundle('batch', creating(aPatient('Sdk')))),
      pollStatusOnAccepted: true,
      pollStatusPeriod: 20,
    });
    expect(answer).toMatchObject({ resourceType: 'Bundle', type: 'batch-response' });
    expect(await found('Sdk')).toBe(1);
  });

  test('runs with the rights of whoever sent it, and operations in it are refused', async () => {
    const member = await client.member({ resource: [{ resourceType: 'Patient' }] });
    const entry = [
      ...creating(aPatient('Mine'), { resourceType: 'Organization' }),
      { request: { method: 'GET', url: 'Patient?family=Mine' } },
      { request: { method: 'GET', url: 'Patient/$meta' } },
    ];
    const path = await client.start('', aBundle('batch', entry), member);
    const answer = await client.ended(path, member);
    expect(statusesOf(answer)).toEqual(['201', '403', '200', '400']);
    await until(async () => {
      const audited = await client.inDatabase((connection) =>
        connection.query<{ entity: string }>(
          sql`SELECT entity FROM audit_event WHERE entity IN ('Patient?family=Mine', 'Bundle') AND request_id =
              (SELECT request_id FROM async_job WHERE id = ${jobIdOf(path)})`,
        ),
      );
      return audited.length === 2;
    });
  });
});

describe('$set-accounts with respond-async', () => {
  const parameters = (...names: string[]) => ({
    resourceType: 'Parameters',
    parameter: [
      ...names.map((name) => ({ name: 'accounts', valueReference: { reference: `Organization/${name}` } })),
      { name: 'propagate', valueBoolean: true },
    ],
  });
  const aChart = async () => {
    const patient = `Patient/${await client.put(aPatient('Chart'))}`;
    const subject = { reference: patient };
    const observation = { resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject };
    return { patient, observation: `Observation/${await client.put(observation)}` };
  };

  test('is carried out and answered as it would be', async () => {
    const { patient, observation } = await aChart();
    const answer = await client.ended(await client.start(`${patient}/$set-accounts`, parameters('b')));
    expect([answer.status, answer.json]).toMatchObject([200, { parameter: [{ valueInteger: 2 }] }]);
    expect((await client.get(observation)).json.meta).toMatchObject({ accounts: [{ reference: 'Organization/b' }] });
  });

  test('is refused at once when it is wrong, not for them, or about nothing', async () => {
    const { patient } = await aChart();
    const member = await client.member();
    const send = (path: string, headers: Record<string, string> = {}, body: unknown = parameters('b')) =>
      client.send('POST', `${path}/$set-accounts`, body, { ...later, ...headers });
    const bad = { resourceType: 'Parameters', parameter: [{ name: 'accounts', valueReference: { reference: '?' } }] };
    const answers = [await send(patient, member), await send('Patient/nobody'), await send(patient, {}, bad)];
    expect(answers.map(({ status }) => status)).toEqual([403, 404, 400]);
  });
});

describe('what was accepted', () => {
  test('does not exist for others: strangers, other projects, and made up ids are the same 404', async () => {
    const [starter, stranger] = [await client.member(), await client.member()];
    const path = await client.start('', aBundle('batch', creating(aPatient('Private'))), starter);
    expect((await client.ended(path, starter)).status).toBe(200);
    const other = await plane.createProject('later-other');
    const answers = [
      await client.get(path, stranger),
      await client.send('DELETE', path, undefined, stranger),
      await plane.fhir(other, path),
      await client.get(path.replace('job/', 'bulkdata/export/').replace('/status', ''), starter),
      await client.get(`job/${randomUUID()}/status`, starter),
      await client.get('job/nothing/status', starter),
    ];
    const { text } = answers.at(-1)!;
    for (const answer of answers) expect([answer.status, answer.text]).toEqual([404, text]);
    expect((await client.get(path)).status).toBe(200);
  });

  test('is gone when it was cancelled, also while it is carried out, and changes nothing more', async () => {
    await client.inDatabase(async (connection) => {
      let path = '';
      await connection.transaction(async (transaction) => {
        await transaction.query(sql`LOCK TABLE resource IN EXCLUSIVE MODE`);
        const entry = creating(aPatient('Stopped'), aPatient('Stopped'), aPatient('Stopped'));
        path = await client.start('', aBundle('batch', entry));
        await until(async () => (await client.jobs()).some(({ id, state }) => path.includes(id) && state === 'active'));
        expect((await client.send('DELETE', path)).status).toBe(202);
        expect((await client.get(path)).status).toBe(404);
      });
      // The entry that had been sent already may come through, and none after it.
      await client.ended(await client.start('', aBundle('batch', [])));
      expect(await found('Stopped')).toBeLessThanOrEqual(1);
      expect((await client.get(path)).status).toBe(404);
    });
  });

  test('expires after a day', async () => {
    const path = await client.start('', aBundle('batch', []));
    expect((await client.ended(path)).status).toBe(200);
    await client.inDatabase((connection) =>
      connection.query(sql`UPDATE async_job SET expires_at = expires_at - interval '24 hours'
                            WHERE id = ${jobIdOf(path)}`),
    );
    expect((await client.get(path)).status).toBe(404);
  });

  test('is removed when it has ended, and whoever does that is told that there was nothing to cancel', async () => {
    const path = await client.start('', aBundle('transaction', creating(aPatient('Ended'))));
    expect((await client.ended(path)).status).toBe(200);
    const answer = await client.send('DELETE', path);
    expect([answer.status, answer.json.issue[0]?.details.text]).toEqual([
      202,
      'The request had ended. What was kept of it is removed.',
    ]);
    expect([await found('Ended'), (await client.get(path)).status]).toEqual([1, 404]);
  });

  test('cannot be cancelled while it is being committed, and whoever tries is told to come back', async () => {
    const path = await client.start('', aBundle('batch', []));
    await client.ended(path);
    await client.inDatabase((connection) =>
      connection.transaction(async (transaction) => {
        await transaction.query(sql`SELECT FROM async_job WHERE id = ${jobIdOf(path)} FOR NO KEY UPDATE`);
        const answer = await client.send('DELETE', path);
        expect([answer.status, answer.headers['retry-after']]).toEqual([503, expect.any(String)]);
      }),
    );
    expect((await client.get(path)).status).toBe(200);
  });

  test('is in the database in no words that could be read there', async () => {
    const word = 'Unreadable';
    const readable = () =>
      client.inDatabase((connection) =>
        connection.query<{ request: boolean | null; result: boolean | null }>(
          sql`SELECT position(${word}::text::bytea IN request) > 0 AS request,
                     position(${word}::text::bytea IN result) > 0 AS result FROM async_job`,
        ),
      );
    const path = await client.inDatabase((connection) =>
      connection.transaction(async (transaction) => {
        await transaction.query(sql`LOCK TABLE resource IN EXCLUSIVE MODE`);
        const started = await client.start('', aBundle('transaction', creating(aPatient(word))));
        expect(await readable()).toEqual([{ request: false, result: null }]);
        return started;
      }),
    );
    expect((await client.ended(path)).text).toContain(word);
    expect(await readable()).toEqual([{ request: null, result: false }]);
  });

  test('is answered in so many words that they are not kept: a transaction is undone, a batch says that it was carried out', async () => {
    const note = [{ text: 'x'.repeat(1_000_000) }];
    const id = await client.put({ resourceType: 'Observation', status: 'final', code: { text: 'x' }, note });
    const reading = Array.from({ length: 17 }, () => ({ request: { method: 'GET', url: `Observation/${id}` } }));
    const ended = async (type: string) => {
      const entry = [...creating(aPatient(`Long${type}`)), ...reading];
      const answer = await client.ended(await client.start('', aBundle(type, entry)));
      return [answer.status, answer.text.includes('was carried out'), await found(`Long${type}`)];
    };
    expect(await ended('batch')).toEqual([413, true, 1]);
    expect(await ended('transaction')).toEqual([413, true, 0]);
  });

  test('fails without another word when whoever sent it has no access any more', async () => {
    const member = await client.member();
    const path = await client.inDatabase(async (connection) =>
      connection.transaction(async (transaction) => {
        // It waits for its turn behind one that waits for a lock.
        await transaction.query(sql`LOCK TABLE resource_string IN EXCLUSIVE MODE`);
        await client.start('', aBundle('batch', creating(aPatient('First'))));
        const waiting = await client.start('', aBundle('batch', creating(aPatient('Revoked'))), member);
        const id = Buffer.from(member.authorization.slice(6), 'base64').toString().split(':')[0];
        const { json } = await client.get(`ClientApplication/${id}`);
        const owner = await connectOnce(project.tenantUrl);
        await owner.query(
          sql`UPDATE resource SET deleted = true WHERE type = 'ClientApplication' AND fhir_id = ${json.id}`,
        );
        await owner.query(sql`UPDATE security_epoch SET epoch = epoch + 1`);
        await owner.close();
        return waiting;
      }),
    );
    const answer = await client.ended(path);
    expect([answer.status, answer.json.issue[0]?.details.text]).toEqual([
      403,
      'Whoever asked for this has no access to the project any more.',
    ]);
    expect(await found('Revoked')).toBe(0);
  });

  test('is begun again when what it failed by has passed', async () => {
    const path = await client.inDatabase((connection) =>
      connection.transaction(async (transaction) => {
        await transaction.query(sql`LOCK TABLE resource_string IN EXCLUSIVE MODE`);
        const started = await client.start('', aBundle('transaction', creating(aPatient('Interrupted'))));
        const broken = () =>
          client.inDatabase((owner) =>
            owner.query(sql`SELECT pg_terminate_backend(pid) FROM pg_locks
                             WHERE NOT granted AND relation = 'resource_string'::regclass
                               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`),
          );
        await until(async () => (await broken()).length > 0);
        await until(async () =>
          (await client.jobs()).some(({ id, state }) => id === jobIdOf(started) && state === 'accepted'),
        );
        return started;
      }),
    );
    // It would be some seconds until somebody tries again.
    expect((await client.get(path)).status).toBe(202);
    await client.expireLeases();
    expect(statusesOf(await client.ended(path))).toEqual(['201']);
    expect(await found('Interrupted')).toBe(1);
  });

  test('is nothing for whom access was taken away since the last request', async () => {
    const member = await client.member();
    expect((await client.get('Patient?_count=1', member)).status).toBe(200);
    const id = Buffer.from(member.authorization.slice(6), 'base64').toString().split(':')[0] ?? '';
    const { text } = await client.get(`ClientApplication/${id}`);
    await client.put({ ...(JSON.parse(text) as JsonObject), status: 'off' });
    const before = await client.jobs();
    const answer = await client.send('POST', '', aBundle('batch', []), { ...later, ...member });
    expect([answer.status, await client.jobs()]).toEqual([401, before]);
  });

  test('is three things at a time for a member and ten for all; the next is told to come back', async () => {
    const members = [{}, ...(await Promise.all([1, 2, 3].map(() => client.member())))];
    await client.inDatabase((connection) =>
      connection.transaction(async (transaction) => {
        await transaction.query(sql`LOCK TABLE resource_string IN EXCLUSIVE MODE`);
        const start = (headers: Record<string, string>) =>
          client.send('POST', '', aBundle('batch', creating(aPatient('Many'))), { ...later, ...headers });
        const refusedOf = async (headers: Record<string, string>, accepted: number) => {
          const answers = await Promise.all(Array.from({ length: 4 }, () => start(headers)));
          const refused = answers.filter(({ status }) => status === 429);
          expect([answers.filter(({ status }) => status === 202).length, refused.length]).toEqual([
            accepted,
            4 - accepted,
          ]);
          expect(refused[0]?.headers['retry-after']).toBe('10');
          expect(refused[0]?.json.issue[0]?.code).toBe('throttled');
          return refused[0]?.json.issue[0]?.details.text ?? '';
        };
        for (const member of members.slice(0, 3)) {
          expect(await refusedOf(member, 3)).toMatch(/^You have 3 requests .* DELETE of an earlier one makes room/);
        }
        expect(await refusedOf(members[3] ?? {}, 1)).toMatch(/^The project has 10 requests/);
      }),
    );
    await until(async () => (await client.jobs()).every(({ state }) => state === 'completed' || state === 'failed'));
    expect(await found('Many')).toBe(10);
  });

  test('is kept for a member so often that one can make room oneself', async () => {
    const member = await client.member();
    const paths: string[] = [];
    for (let count = 0; count < 20; count++) {
      paths.push(await client.start('', aBundle('batch', []), member));
      await client.ended(paths.at(-1)!, member);
    }
    const start = () => client.send('POST', '', aBundle('batch', []), { ...later, ...member });
    expect([(await start()).status, (await client.send('DELETE', paths[0]!, undefined, member)).status]).toEqual([
      429, 202,
    ]);
    expect((await start()).status).toBe(202);
  });
});

describe('what was left by a process that died', () => {
  /** A job as a process leaves it that had begun it. */
  async function left(
    kind: string,
    bundle: object,
    { takeovers = 0, request }: { takeovers?: number; request?: string } = {},
  ): Promise<string> {
    return client.inDatabase(async (connection) => {
      // So that this process does not take it itself.
      await connection.query(sql`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql
                                 AS 'BEGIN NEW.lease_until := ''infinity''; RETURN NEW; END'`);
      await connection.query(sql`CREATE TRIGGER hold BEFORE INSERT ON async_job FOR EACH ROW EXECUTE FUNCTION hold()`);
      const path = await client.start('', bundle);
      await connection.query(sql`DROP TRIGGER hold ON async_job`);
      await connection.query(sql`DROP FUNCTION hold`);
      await connection.query(sql`
        UPDATE async_job SET kind = ${kind}, state = 'active', takeovers = ${takeovers}::integer,
               request = ${request === undefined ? sql`request` : sql`${request}`}
         WHERE id = ${jobIdOf(path)}`);
      expect((await client.get(path)).status).toBe(202);
      // From then on it may be taken up at any moment.
      await connection.query(sql`UPDATE async_job SET lease_until = clock_timestamp() WHERE id = ${jobIdOf(path)}`);
      return path;
    });
  }

  test('is begun again when it was a transaction', async () => {
    const path = await left('transaction', aBundle('transaction', creating(aPatient('Again'))));
    expect(statusesOf(await client.ended(path))).toEqual(['201']);
    expect(await found('Again')).toBe(1);
  });

  test('is tried again after what nobody foresaw, and not for ever', async () => {
    const path = await left('transaction', aBundle('transaction', []), { request: 'nothing sealed' });
    // Who asks for it has it taken up.
    await client.get(path);
    await until(async () =>
      (await client.jobs()).some(({ id, state }) => id === jobIdOf(path) && state === 'accepted'),
    );
    await client.inDatabase((connection) =>
      connection.query(
        sql`UPDATE async_job SET faults = 4, fence = 1000, lease_until = now() WHERE id = ${jobIdOf(path)}`,
      ),
    );
    const answer = await client.ended(path);
    expect([answer.status, answer.json.issue[0]?.code]).toEqual([500, 'exception']);
    expect(answer.text).not.toContain('seal');
  });

  test('is given up when those who carried it out were not heard of any more, again and again', async () => {
    const path = await left('transaction', aBundle('transaction', creating(aPatient('Hopeless'))), { takeovers: 4 });
    const answer = await client.ended(path);
    expect([answer.status, answer.json.issue[0]?.code]).toEqual([500, 'exception']);
    expect(await found('Hopeless')).toBe(0);
  });

  test('is carried out however often it was given back by those who were stopped', async () => {
    const path = await left('transaction', aBundle('transaction', creating(aPatient('Patient'))));
    await client.inDatabase((connection) =>
      connection.query(sql`UPDATE async_job SET fence = 1000, state = 'accepted' WHERE id = ${jobIdOf(path)}`),
    );
    expect(statusesOf(await client.ended(path))).toEqual(['201']);
  });

  test('is not begun again when it was a batch, and says so', async () => {
    const path = await left('batch', aBundle('batch', creating(aPatient('Twice'))));
    const answer = await client.ended(path);
    expect([answer.status, answer.json.issue[0]?.code]).toEqual([500, 'incomplete']);
    expect(answer.text).toContain('may have been carried out');
    expect(await found('Twice')).toBe(0);
  });
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await isSo());) if (Date.now() > end) throw new Error('it never was so');
}
