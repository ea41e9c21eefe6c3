/** Who may have the files of a bulk export, and for how long. */
import { randomUUID } from 'node:crypto';
import type { JsonObject } from '#fhir';
import { sql } from '#postgres';
import { until } from '#testing';
import { ExportClient, near, policy } from './bulk-export.fixture.js';
import { jobIdOf, JobClient, type Manifest, programOf } from './jobs.fixture.js';

let client: ExportClient;
beforeAll(async () => {
  client = await ExportClient.open();
});
afterAll(() => client?.close());

// A member may have only so many.
afterEach(() => client.forgetJobs());

describe('the files of an export', () => {
  test('are for whoever started it and for administrators, and end with their rights', async () => {
    const [starter, stranger] = [await client.member(policy), await client.member()];
    const path_ = await client.start('$export?_type=Patient', undefined, starter);
    const manifest = JSON.parse((await client.ended(path_, starter)).text) as Manifest;
    const file = client.pathOf(manifest.output[0]?.url ?? '');
    const other = await client.plane.createProject('bulk-other');
    const unknown = await client.get(`bulkdata/export/${randomUUID()}`, starter);
    for (const answer of [
      await client.get(path_, stranger),
      await client.get(file, stranger),
      await client.get(file.replace('Patient-1', 'Patient-2'), starter),
      await client.send('DELETE', path_, undefined, stranger),
      await client.plane.fhir(other, path_),
      await client.plane.fhir(other, file),
      await client.get(`job/${jobIdOf(path_)}/status`, starter),
    ]) {
      expect([answer.status, answer.text]).toEqual([404, unknown.text]);
    }
    expect((await client.plane.call({ path: `${client.project.path}fhir/R4/${file}` })).status).toBe(401);
    expect((await client.get(file)).status).toBe(200);
    expect((await client.get(file, starter)).status).toBe(200);

    const id = programOf(starter);
    const { text } = await client.get(`ClientApplication/${id}`);
    await client.put({ ...(JSON.parse(text) as JsonObject), status: 'off' });
    expect((await client.get(file, starter)).status).toBe(401);
  });

  test('are refused when the type is not granted any more', async () => {
    const id = await client.put({ resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient' }] });
    const starter = await client.member();
    const accessPolicy = { reference: `AccessPolicy/${id}` };
    await client.put({ ...(await client.membershipOf(starter)), accessPolicy });
    const manifest = await client.exported('$export', starter);
    const file = client.pathOf(manifest.output[0]?.url ?? '');
    expect((await client.get(file, starter)).status).toBe(200);
    await client.put({ resourceType: 'AccessPolicy', id, resource: [{ resourceType: 'Observation' }] });
    expect((await client.get(file, starter)).status).toBe(403);
  });

  test('are refused to whoever started it once their rights have changed in any way, until they are as before', async () => {
    const rule = { resourceType: 'Patient', criteria: 'Patient?_compartment=Organization/near' };
    const starter = await client.member({ id: 'shrinking', resource: [rule] });
    const started = await client.start('$export', undefined, starter);
    const manifest = JSON.parse((await client.ended(started, starter)).text) as Manifest;
    const file = client.pathOf(manifest.output[0]?.url ?? '');
    const statuses = async () => [
      (await client.get(started, starter)).status,
      (await client.get(file, starter)).status,
      (await client.get(file)).status,
    ];
    expect(await statuses()).toEqual([200, 200, 200]);
    await client.put({
      resourceType: 'AccessPolicy',
      id: 'shrinking',
      resource: [{ ...rule, hiddenFields: ['birthDate'] }],
    });
    expect(await statuses()).toEqual([403, 403, 200]);
    await client.put({ resourceType: 'AccessPolicy', id: 'shrinking', name: 'As before', resource: [rule] });
    expect(await statuses()).toEqual([200, 200, 200]);
    await client.put({ resourceType: 'AccessPolicy', id: 'shrinking', resource: [{ ...rule, readonly: true }] });
    expect((await client.send('DELETE', started, undefined, starter)).status).toBe(202);
  });

  test('are removed when it is cancelled, and not there any more when it has expired', async () => {
    const before = client.storedFiles();
    const cancelled = await client.start('$export?_type=Patient,Observation');
    expect((await client.ended(cancelled)).status).toBe(200);
    expect(client.storedFiles()).toHaveLength(before.length + 2);
    expect((await client.send('DELETE', cancelled)).status).toBe(202);
    expect(client.storedFiles()).toEqual(before);
    expect((await client.get(cancelled)).status).toBe(404);

    const expired = await client.start('$export?_type=Patient');
    const { output } = JSON.parse((await client.ended(expired)).text) as Manifest;
    await client.inDatabase((connection) =>
      connection.query(sql`UPDATE async_job SET expires_at = clock_timestamp() WHERE id = ${jobIdOf(expired)}`),
    );
    expect((await client.get(expired)).status).toBe(404);
    expect((await client.get(client.pathOf(output[0]?.url ?? ''))).status).toBe(404);
  });

  test('are removed when whoever started it has no access any more', async () => {
    const before = client.storedFiles();
    const member = await client.member(policy);
    const id = programOf(member);
    const followed = await client.inDatabase((connection) =>
      connection.transaction(async (transaction) => {
        // The Patients are exported by now, and the Observations wait for the lock.
        await transaction.query(sql`LOCK TABLE resource_date IN ACCESS EXCLUSIVE MODE`);
        const filter = '_typeFilter=Observation?date=ge2000';
        const started = await client.start(`$export?_type=Patient,Observation&${filter}`, undefined, member);
        await until(() => client.storedFiles().length > before.length);
        // An update through the server would wait for the lock too.
        await client.inDatabase(async (owner) => {
          await owner.query(
            sql`UPDATE resource SET deleted = true WHERE type = 'ClientApplication' AND fhir_id = ${id}`,
          );
          await owner.query(sql`UPDATE security_epoch SET epoch = epoch + 1`);
        });
        return started;
      }),
    );
    const answer = await client.ended(followed);
    expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('no access to the project any more')]);
    await until(() => client.storedFiles().length <= before.length);
    expect(client.storedFiles()).toEqual(before);
  });

  test('leave a trace: the export itself, and each download', async () => {
    const manifest = await client.exported('$export?_type=Practitioner&_since=2001');
    await client.linesOf(manifest);
    const file = client.pathOf(manifest.output[0]?.url ?? '');
    const entities = async () =>
      client.inDatabase((connection) =>
        connection.query<{ action: string; entity: string }>(
          sql`SELECT action::text, entity FROM audit_event
               WHERE entity IN ('$export?_type=Practitioner&_since=2001', ${file}) ORDER BY action`,
        ),
      );
    const expected = [
      { action: 'E', entity: '$export?_type=Practitioner&_since=2001' },
      { action: 'R', entity: file },
    ];
    await until(async () => (await entities()).length >= 2);
    expect(await entities()).toEqual(expected);
  });
});

test('an export stops with its project, and goes on when that is in service again', async () => {
  const other = new JobClient(client.plane, await client.plane.createProject('bulk-suspended'));
  const { id, fence, path: address } = other.project;
  await other.put({ resourceType: 'Patient' });
  await other.put({ ...near.find((resource) => resource.id === 'of-ana'), subject: { display: 'x' } });
  const becomes = async (state: 'suspended' | 'active', status: number) => {
    await client.plane.projects.setState(id, state, { fence });
    await until(async () => (await client.plane.call({ path: `${address}healthcheck` })).status === status);
  };
  const noted = async () =>
    other.inDatabase((connection) =>
      connection.query<{ state: string; files: number }>(
        sql`SELECT state, jsonb_array_length(watermark -> 'files') AS files FROM async_job`,
      ),
    );
  const followed = await other.inDatabase((connection) =>
    connection.transaction(async (transaction) => {
      await transaction.query(sql`LOCK TABLE resource_date IN ACCESS EXCLUSIVE MODE`);
      const filter = '_typeFilter=Observation?date=ge2000';
      const started = await other.start(`$export?_type=Patient,Observation&${filter}`);
      await until(async () => (await noted())[0]?.files === 1);
      await becomes('suspended', 403);
      return started;
    }),
  );
  expect((await other.get(followed)).status).toBe(403);
  expect((await noted())[0]).toMatchObject({ files: 1 });
  await becomes('active', 200);
  await other.expireLeases();
  const { output } = JSON.parse((await other.ended(followed)).text) as Manifest;
  expect(output.map(({ type, count }) => [type, count])).toEqual([
    ['Patient', 1],
    ['Observation', 1],
  ]);
  const [job] = await other.jobs();
  expect(job?.fence).toBe('2');
});
