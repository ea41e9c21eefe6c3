/** With which rights what is answered later is made, and who gets it: not what other rights than those of the start showed. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sql } from '#postgres';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { jobIdOf, JobClient, type Manifest } from './jobs.fixture.js';

const dataDir = mkdtempSync(path.join(tmpdir(), 'job-rights-'));
let plane: TestPlane;
let project: TestProject;
let client: JobClient;

const changedText = 'Your rights have changed since this was asked for';
const rule = { resourceType: 'Patient', criteria: 'Patient?_compartment=Organization/near' };
const canary = 'qzxcanary';

beforeAll(async () => {
  plane = await aDataPlane({ dataDir });
  project = await plane.createProject('job-rights');
  client = new JobClient(plane, project);
  for (const [id, family] of [
    ['near', 'Near'],
    ['far', canary],
  ] as const) {
    await client.put({ resourceType: 'Organization', id, name: id });
    const meta = { accounts: [{ reference: `Organization/${id}` }] };
    await client.put({ resourceType: 'Patient', id: `${id}-patient`, meta, name: [{ family }] });
    await client.put({
      resourceType: 'Observation',
      id: `${id}-observation`,
      meta,
      status: 'final',
      code: { text: family },
      effectiveDateTime: '2020-05-06',
    });
  }
});

afterAll(async () => {
  await plane?.close();
  rmSync(dataDir, { recursive: true });
});
afterEach(() => client.forgetJobs());

const storedFiles = (): string[] =>
  readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

type Headers = { readonly authorization: string };

/** A member that sees what is filed with one organization. */
const aMember = (policy: string): Promise<Headers> =>
  client.member({
    id: policy,
    resource: [rule, { ...rule, resourceType: 'Observation', criteria: criteriaOf('near') }],
  });
const criteriaOf = (organization: string) => `Observation?_compartment=Organization/${organization}`;

/** As an administrator would, past what is locked. */
const changePolicy = (id: string, from: string, to: string): Promise<unknown> =>
  client.inDatabase(async (owner) => {
    await owner.query(sql`UPDATE resource SET body = replace(body, ${`Organization/${from}`}, ${`Organization/${to}`})
                           WHERE type = 'AccessPolicy' AND fhir_id = ${id}`);
    await owner.query(sql`UPDATE security_epoch SET epoch = epoch + 1`);
  });

const loseAccess = ({ authorization }: Headers): Promise<unknown> =>
  client.inDatabase(async (owner) => {
    const id = Buffer.from(authorization.slice(6), 'base64').toString().split(':')[0] ?? '';
    await owner.query(sql`UPDATE resource SET deleted = true WHERE type = 'ClientApplication' AND fhir_id = ${id}`);
    await owner.query(sql`UPDATE security_epoch SET epoch = epoch + 1`);
  });

/** Starts something, and does `meanwhile` when it is held up at a search by date. */
const heldUp = (start: () => Promise<string>, meanwhile: (started: string) => Promise<unknown>): Promise<string> =>
  client.inDatabase((connection) =>
    connection.transaction(async (transaction) => {
      await transaction.query(sql`LOCK TABLE resource_date IN ACCESS EXCLUSIVE MODE`);
      const started = await start();
      await until(() => isWaitedFor('resource_date'));
      await meanwhile(started);
      return started;
    }),
  );

async function isWaitedFor(table: string): Promise<boolean> {
  const waiting = await client.inDatabase((connection) =>
    connection.query(sql`SELECT FROM pg_locks WHERE NOT granted AND relation = ${table}::regclass
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`),
  );
  return waiting.length > 0;
}

const dated = 'Observation?date=ge2000';
const reading = (...urls: string[]) => urls.map((url) => ({ request: { method: 'GET', url } }));
const aBatch = (entry: unknown[]) => ({ resourceType: 'Bundle', type: 'batch', entry });
const anExport = `$export?_type=Observation,Patient&_typeFilter=${encodeURIComponent(dated)}`;

describe('what is made while rights are wider for a moment', () => {
  test('as an export ends it, and nothing is kept', async () => {
    const member = await aMember('wide-export');
    const before = storedFiles();
    const started = await heldUp(
      () => client.start(anExport, undefined, { ...member }),
      () => changePolicy('wide-export', 'near', 'far'),
    );
    expect((await client.ended(started, { ...member })).status).toBe(403);
    await changePolicy('wide-export', 'far', 'near');
    for (const headers of [{ ...member }, {}]) {
      const { status, text } = await client.get(started, headers);
      expect([status, text]).toEqual([403, expect.stringContaining(changedText)]);
    }
    expect(storedFiles()).toEqual(before);
  });

  test('as an export ends it too when it waited for its turn meanwhile', async () => {
    const member = await aMember('waiting-export');
    let waiting = '';
    await heldUp(
      () => client.start(anExport),
      async () => {
        waiting = await client.start(anExport, undefined, { ...member });
        await changePolicy('waiting-export', 'near', 'far');
      },
    );
    expect((await client.ended(waiting, { ...member })).status).toBe(403);
    await changePolicy('waiting-export', 'far', 'near');
    expect((await client.get(waiting, { ...member })).status).toBe(403);
  });

  test('as an export ends it for an administrator who acts on behalf of the member', async () => {
    const { id } = (await client.membershipOf(await aMember('wide-acting'))) as { id: string };
    const acting = { 'x-medplum-on-behalf-of': `ProjectMembership/${id}` };
    const started = await heldUp(
      () => client.start(anExport, undefined, acting),
      () => changePolicy('wide-acting', 'near', 'far'),
    );
    expect((await client.ended(started, acting)).status).toBe(403);
    await changePolicy('wide-acting', 'far', 'near');
    expect((await client.get(started, acting)).status).toBe(403);
  });

  test.each(['batch', 'transaction'])('as a %s is told to nobody', async (type) => {
    const id = `wide-${type}`;
    const member = await aMember(id);
    const creating = { request: { method: 'POST', url: 'Patient' }, resource: { resourceType: 'Patient' } };
    const bundle = { ...aBatch([...reading(dated, 'Patient/far-patient'), creating]), type };
    const started = await heldUp(
      () => client.start('', bundle, { ...member }),
      () => changePolicy(id, 'near', 'far'),
    );
    await client.ended(started, { ...member });
    await changePolicy(id, 'far', 'near');
    for (const headers of [{ ...member }, {}]) {
      const { status, text } = await client.get(started, headers);
      expect([status, text.includes(canary)]).toEqual([403, false]);
      // A transaction that reads what is not granted at that moment changes nothing.
      if (type === 'batch') expect(text).toContain(`${changedText}. It was carried out.`);
    }
  });
});

test('a batch whose sender loses access in the middle says that a part was carried out, and shows nothing of it', async () => {
  const member = await client.member();
  const creating = (family: string) => ({
    request: { method: 'POST', url: 'Patient' },
    resource: { resourceType: 'Patient', name: [{ family }] },
  });
  const entry = [creating('Before'), ...reading(dated), creating('Behind')];
  const started = await heldUp(
    () => client.start('', aBatch(entry), { ...member }),
    () => loseAccess(member),
  );
  const { status, text } = await client.ended(started);
  expect([status, text]).toEqual([403, expect.stringContaining('A part of the batch was carried out')]);
  expect(text).not.toContain(canary);
  const found = async (family: string) => (await client.get(`Patient?family=${family}&_total=accurate`)).json.total;
  expect([await found('Before'), await found('Behind')]).toEqual([1, 0]);
});

describe('an administrator who did not start it', () => {
  /** One whose policy grants less than everything. */
  async function limited(types: readonly string[]): Promise<Headers> {
    const admin = await client.member({ resource: types.map((resourceType) => ({ resourceType })) });
    await client.put({ ...(await client.membershipOf(admin)), admin: true });
    return admin;
  }

  test('has an answer only with the same rights or unlimited ones', async () => {
    const [member, admin] = [await client.member(), await limited(['Patient', 'Observation'])];
    const started = await client.start('', aBatch(reading('Patient/far-patient')), { ...member });
    expect((await client.ended(started, { ...member })).text).toContain(canary);
    const refused = await client.get(started, { ...admin });
    expect([refused.status, refused.text.includes(canary)]).toEqual([403, false]);
    expect((await client.get(started)).text).toContain(canary);
    const own = await client.start('', aBatch(reading('Patient/far-patient')), { ...admin });
    expect((await client.ended(own, { ...admin })).text).toContain(canary);
    expect((await client.send('DELETE', started, undefined, { ...admin })).status).toBe(202);
    const audited = () =>
      client.inDatabase((connection) =>
        connection.query(sql`SELECT action::text, outcome FROM audit_event WHERE entity = ${started} ORDER BY id`),
      );
    await until(async () => (await audited()).length === 4);
    expect(await audited()).toEqual([
      { action: 'R', outcome: 0 },
      { action: 'R', outcome: 4 },
      { action: 'R', outcome: 0 },
      { action: 'D', outcome: 0 },
    ]);
  });

  test('has an export only when all of its types are granted without limits', async () => {
    const [member, one, all] = [
      await client.member(),
      await limited(['Patient']),
      await limited(['Patient', 'Observation']),
    ];
    const started = await client.start('$export?_type=Patient,Observation', undefined, { ...member });
    const { output } = JSON.parse((await client.ended(started, { ...member })).text) as Manifest;
    const file = client.pathOf(output[0]?.url ?? '');
    for (const address of [started, file]) {
      const statuses = [];
      for (const headers of [{ ...one }, { ...all }, {}]) statuses.push((await client.get(address, headers)).status);
      expect(statuses).toEqual([403, 200, 200]);
    }
  });
});

test('an answer is there only once the audit says what was read for it, where that is waited for', async () => {
  const strict = await aDataPlane({ dataDir, auditReads: 'strict' });
  try {
    const there = new JobClient(strict, await strict.createProject('job-audit'));
    const id = await there.put({ resourceType: 'Patient' });
    const states = async () => (await there.jobs()).map(({ state }) => state);
    const starting = await there.inDatabase((auditing) =>
      auditing.transaction(async (transaction) => {
        await transaction.query(sql`LOCK TABLE audit_event IN SHARE MODE`);
        // The answer that it is accepted waits too.
        const accepted = [there.start('', aBatch(reading(`Patient/${id}`)))];
        await until(async () => (await states()).includes('active'));
        for (const end = Date.now() + 500; Date.now() < end;) expect(await states()).toEqual(['active']);
        return accepted;
      }),
    );
    const [followed = ''] = await Promise.all(starting);
    expect((await there.ended(followed)).status).toBe(200);
  } finally {
    await strict.close();
  }
});

test('what a transaction has read is in the audit together with its end', async () => {
  const transaction = { ...aBatch(reading('Patient/near-patient')), type: 'transaction' };
  const started = await client.start('', transaction);
  const [state, audited] = await client.inDatabase(async (connection) => {
    let row: { state: string; audited: boolean } | undefined;
    while (row?.state !== 'completed') {
      [row] = await connection.query<{ state: string; audited: boolean }>(
        sql`SELECT state, EXISTS (SELECT FROM audit_event a WHERE a.request_id = j.request_id AND action = 'R') AS audited
              FROM async_job j WHERE id = ${jobIdOf(started)}`,
      );
    }
    return [row.state, row.audited];
  });
  expect([state, audited]).toEqual(['completed', true]);
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await isSo());) if (Date.now() > end) throw new Error('it never was so');
}
