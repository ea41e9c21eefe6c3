import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { DataSource } from 'typeorm';
import {
  AuditRepository,
  ClusterRepository,
  DataKeyRepository,
  IdempotencyRepository,
  LoginThrottleRepository,
  openControlDatabase,
  OperationRepository,
  OperatorRepository,
  ProjectRepository,
  SealedSecretRepository,
  SigningKeyRepository,
  TenantDatabaseRepository,
  Transactions,
  type Operation,
  type TenantDatabase,
} from '#control-database';
import { controlMigrations } from '#migrations/control';
import { newId, uuidv7 } from '#platform';
import { listen } from '#postgres';
import { aDatabase, type TestDatabase } from '#testing';

let database: TestDatabase;
let dataSource: DataSource;
let projects: ProjectRepository;
let operations: OperationRepository;
let tenantDatabases: TenantDatabaseRepository;
let clusterId: string;

beforeAll(async () => {
  database = await aDatabase();
  dataSource = await openControlDatabase({ databaseUrl: database.url }, { migrate: true });
  projects = new ProjectRepository(dataSource);
  operations = new OperationRepository(dataSource);
  tenantDatabases = new TenantDatabaseRepository(dataSource);
  const cluster = await new ClusterRepository(dataSource).ensure({
    name: 'default',
    host: '127.0.0.1',
    port: 5432,
    maxProjects: 1_000,
    maxConnections: 100,
    reservedConnections: 5,
  });
  clusterId = cluster.id;
});

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

/** Leads to the server of this URL. After `silence` nothing passes on the connections made so far, and none is closed. */
async function aWayThatGoesSilent(target: string) {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const there = connect(Number(port), hostname);
    client.pipe(there).pipe(client);
    for (const socket of [client, there]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    silence: () => sockets.forEach((socket) => socket.unpipe().pause()),
    close: async () => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}

let slugs = 0;
async function aProvisioningProject(slug = `project-${++slugs}`) {
  const id = uuidv7();
  const { project, operation } = await projects.createProvisioning({
    project: { id, slug, name: slug, fhirVersion: '4.0.1', createdBy: 'operator:test' },
    baseUrl: { kind: 'slug', name: slug },
    operation: { id: newId('op'), kind: 'project.create', params: {}, createdBy: 'operator:test' },
  });
  return { id, slug, project, operation };
}

async function claimed(operation: Operation): Promise<Operation> {
  const claim = await operations.claim(operation.id, 'worker-1', 30_000);
  if (claim === undefined) throw new Error(`${operation.id} could not be claimed`);
  return claim;
}

/** What a lease looks like whose worker has died long ago. */
async function endLease(operation: Operation): Promise<void> {
  await dataSource.query(`UPDATE operation SET lease_expires_at = now() - interval '1 s' WHERE id = $1`, [
    operation.id,
  ]);
}

async function aSpare(schemaVersion = 1): Promise<TenantDatabase> {
  const keyId = uuidv7();
  await new DataKeyRepository(dataSource).insert(keyId, Buffer.from('wrapped'));
  const id = uuidv7();
  const database = await tenantDatabases.insertBuilding({
    id,
    clusterId,
    databaseName: `fp_${id}`,
    roleName: `fr_${id}`,
    passwordSealed: Buffer.from('sealed'),
    dataKeyId: keyId,
    schemaVersion,
  });
  await tenantDatabases.markSpare(database.id);
  return database;
}

describe('opening the control database', () => {
  test('several processes may migrate an empty database at once, others wait until it is current', async () => {
    const empty = await aDatabase();
    const waiting = openControlDatabase({ databaseUrl: empty.url }, { migrate: false });
    const opened = await Promise.all([
      ...[1, 2, 3].map(() => openControlDatabase({ databaseUrl: empty.url }, { migrate: true })),
      waiting,
    ]);
    const [rows] = await opened[3]!.query<{ applied: string }[]>('SELECT count(*) AS applied FROM control_migration');
    expect(rows).toEqual({ applied: String(controlMigrations.length) });
    await Promise.all(opened.map((each) => each.destroy()));
    await empty.drop();
  });

  test('a database that a newer release has migrated is refused', async () => {
    const newer = await aDatabase();
    const first = await openControlDatabase({ databaseUrl: newer.url }, { migrate: true });
    await first.query(`INSERT INTO control_migration (timestamp, name) VALUES (9999999999999, 'FromTheFuture')`);
    await first.destroy();
    for (const migrate of [true, false]) {
      await expect(openControlDatabase({ databaseUrl: newer.url }, { migrate })).rejects.toThrow(
        /newer release \(FromTheFuture\)/,
      );
    }
    await newer.drop();
  });

  test('a server that is silent fails the statement, and its connection is not used again', async () => {
    const way = await aWayThatGoesSilent(database.url);
    const options = { migrate: false, maxConnections: 1, answerWithinMs: 300 };
    const source = await openControlDatabase({ databaseUrl: way.url }, options);
    const query = () => source.query<object[]>('SELECT 1 AS one');
    const transaction = () => new Transactions(source).run(async () => [{ one: 1 }]);
    for (const ask of [query, transaction]) {
      await expect(ask()).resolves.toEqual([{ one: 1 }]);
      way.silence();
      await expect(ask()).rejects.toThrow('has not answered for 300 ms');
      await expect(ask()).resolves.toEqual([{ one: 1 }]);
    }
    await source.destroy();
    await way.close();
  });

  test('every entity has the columns of its table', async () => {
    for (const entity of dataSource.entityMetadatas) {
      const columns = await dataSource.query<{ name: string; nullable: string }[]>(
        `SELECT column_name AS name, is_nullable AS nullable FROM information_schema.columns WHERE table_name = $1`,
        [entity.tableName],
      );
      const inTable = columns
        .filter(({ name }) => name !== 'changed_xid')
        .map(({ name, nullable }) => `${name} ${nullable}`);
      const inEntity = entity.columns.map((column) => `${column.databaseName} ${column.isNullable ? 'YES' : 'NO'}`);
      expect({ table: entity.tableName, columns: inEntity.sort() }).toEqual({
        table: entity.tableName,
        columns: inTable.sort(),
      });
    }
  });

  test('an error of a statement carries neither its values nor the failing row', async () => {
    const operators = new OperatorRepository(dataSource);
    const operator = {
      email: 'twice@example.org',
      passwordHash: 'hash-that-must-not-be-logged',
      role: 'auditor' as const,
    };
    await operators.insert({ ...operator, id: uuidv7() });
    const error: unknown = await operators.insert({ ...operator, id: uuidv7() }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: '23505', constraint: 'operator_email_key' });
    expect(JSON.stringify({ ...(error as Error), message: (error as Error).message })).not.toMatch(/must-not|twice@/);
  });
});

describe('projects', () => {
  test('a project, its base URL and its operation are written together or not at all', async () => {
    const { slug } = await aProvisioningProject();
    const second = aProvisioningProject(slug);
    await expect(second).rejects.toMatchObject({ category: 'conflict', code: 'slug-taken' });
    const [counts] = await dataSource.query<object[]>(
      `SELECT (SELECT count(*)::int FROM project WHERE slug = $1) AS projects,
              (SELECT count(*)::int FROM operation o JOIN project p ON p.id = o.project_id WHERE p.slug = $1) AS operations`,
      [slug],
    );
    expect(counts).toEqual({ projects: 1, operations: 1 });
  });

  test('of many creations of one slug at once exactly one wins', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => aProvisioningProject('contested')));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'slug-taken' });
    }
  });

  test('a project is found by id and by slug, and nothing else is asked of the database', async () => {
    const { id, slug } = await aProvisioningProject();
    expect((await projects.find(id))?.slug).toBe(slug);
    expect((await projects.find(slug))?.id).toBe(id);
    for (const odd of ['\0', "x' OR 1=1", 'A', '%', '']) expect(await projects.find(odd)).toBeUndefined();
  });

  test('a worker changes a project only while its lease lasts', async () => {
    const { id, operation } = await aProvisioningProject();
    const first = await claimed(operation);
    await endLease(operation);
    const second = await claimed(operation);
    await expect(projects.activate(id, { fence: first.fence })).rejects.toMatchObject({ code: 'lease-lost' });
    await projects.activate(id, { fence: second.fence });
    expect(await projects.get(id)).toMatchObject({ state: 'active', revision: 2 });
    await operations.finish(operation.id, second.fence, 'succeeded');
    await expect(projects.setState(id, 'stopped', { fence: second.fence })).rejects.toMatchObject({
      code: 'lease-lost',
    });
  });

  test('the slug of a deleted project is blocked until its time has come', async () => {
    const { id, slug, operation } = await aProvisioningProject();
    const { fence } = await claimed(operation);
    await projects.markDeleted(id, { fence, namesFreeAfter: new Date(Date.now() + 60_000) });
    expect(await projects.find(slug)).toBeUndefined();
    expect(await projects.isSlugFree(slug)).toBe(false);
    await expect(aProvisioningProject(slug)).rejects.toMatchObject({ code: 'slug-taken' });
    await dataSource.query(`UPDATE base_url SET free_after = now() - interval '1 s' WHERE name = $1`, [slug]);
    expect(await projects.isSlugFree(slug)).toBe(true);
    expect((await aProvisioningProject(slug)).id).not.toBe(id);
    expect(await projects.get(id)).toMatchObject({ state: 'deleted', slug });
  });

  test('the list filters by every condition and pages by id', async () => {
    const { id } = await aProvisioningProject('list-one');
    const { id: other } = await aProvisioningProject('list-100-two');
    await new Transactions(dataSource).run(async (transaction) => {
      await projects.getForUpdate(id, transaction);
      const change = { name: '100% Ward_A', labels: { tier: 'gold', ring: '1' } };
      await projects.update(id, { ...change, schemaPin: null, maintenanceWindow: null }, transaction);
    });
    const idsOf = async (filter: object) => (await projects.list({ limit: 200, ...filter })).map((each) => each.id);
    expect(await idsOf({ labels: [{ tier: 'gold' }, { ring: '1' }] })).toEqual([id]);
    expect(await idsOf({ labels: [{ tier: 'gold' }, { ring: '2' }] })).toEqual([]);
    expect(await idsOf({ labels: [{ tier: 'silver' }, { tier: 'gold' }] })).toEqual([]);
    expect(await idsOf({ q: '100%' })).toEqual([id]);
    expect(await idsOf({ q: 'WARD_a' })).toEqual([id]);
    expect(await idsOf({ q: 'list-' })).toEqual([id, other]);
    expect(await idsOf({ q: 'list-', limit: 1 })).toEqual([id]);
    expect(await idsOf({ q: 'list-', after: id })).toEqual([other]);
    expect(await idsOf({ q: 'list-', state: 'active' })).toEqual([]);
    expect(await idsOf({ clusterId: 'cl_unknown' })).toEqual([]);
  });
});

describe('the directory', () => {
  test('shows what serves a project, and after a change only the changed ones', async () => {
    const { id, slug, operation } = await aProvisioningProject();
    const spare = await aSpare();
    const { fence } = await claimed(operation);
    const before = await projects.listDirectory();
    expect(before.entries.find((entry) => entry.projectId === id)).toMatchObject({
      state: 'provisioning',
      placement: null,
      baseUrls: [{ name: slug, canonical: true, active: false }],
    });

    await tenantDatabases.claimSpare(id, clusterId, 1, { fence });
    const signingKey = {
      kid: `kid-${id}`,
      projectId: id,
      publicJwk: { kty: 'EC' },
      privateSealed: Buffer.from([1, 2, 255]),
    };
    await projects.activate(id, { fence, signingKey });

    const { entries, mark } = await projects.listDirectoryChangedSince(before.mark);
    const entry = entries.find(({ projectId }) => projectId === id);
    expect(entry).toMatchObject({
      state: 'active',
      slug,
      fhirVersion: '4.0.1',
      baseUrls: [{ kind: 'slug', name: slug, canonical: true, active: true }],
      placement: {
        generation: 1,
        clusterId,
        host: '127.0.0.1',
        port: 5432,
        tenantDatabaseId: spare.id,
        databaseName: spare.databaseName,
        roleName: spare.roleName,
      },
      signingKeys: [{ kid: `kid-${id}`, publicJwk: { kty: 'EC' }, state: 'signing' }],
    });
    expect(entry?.dataKeyWrapped).toEqual(Buffer.from('wrapped'));
    expect(entry?.placement?.passwordSealed).toEqual(Buffer.from('sealed'));
    expect(entry?.signingKeys[0]?.privateSealed).toEqual(Buffer.from([1, 2, 255]));
    expect((await projects.listDirectoryChangedSince(mark)).entries).toEqual([]);
  });

  test('a change that commits late is not missed by a poll that passed it', async () => {
    const { id } = await aProvisioningProject();
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query(`UPDATE project SET name = 'late' WHERE id = $1`, [id]);
    const { mark } = await projects.listDirectory();
    // Another change commits meanwhile, with a higher transaction id.
    const { id: other } = await aProvisioningProject();
    const during = await projects.listDirectoryChangedSince(mark);
    await runner.commitTransaction();
    await runner.release();
    expect(during.entries.map(({ projectId }) => projectId)).toContain(other);
    const after = await projects.listDirectoryChangedSince(during.mark);
    expect(after.entries.find(({ projectId }) => projectId === id)?.name).toBe('late');
  });

  test('a deleted project is told to those who ask for changes, and to nobody else', async () => {
    const { id, operation } = await aProvisioningProject();
    const { mark } = await projects.listDirectory();
    const { fence } = await claimed(operation);
    await projects.markDeleted(id, { fence, namesFreeAfter: new Date(Date.now() + 60_000) });
    const changed = await projects.listDirectoryChangedSince(mark);
    expect(changed.entries.find(({ projectId }) => projectId === id)).toMatchObject({ state: 'deleted', baseUrls: [] });
    const { entries } = await projects.listDirectory();
    expect(entries.map(({ projectId }) => projectId)).not.toContain(id);
  });

  test('every change of a project and of what belongs to it is announced with the project id', async () => {
    const heard: string[] = [];
    const listener = await listen(
      database.url,
      ['boxyard_project'],
      (_channel, payload) => heard.push(payload),
      () => undefined,
    );
    const announced = async (change: () => Promise<unknown>, id: string) => {
      heard.length = 0;
      await change();
      for (let turns = 0; !heard.includes(id) && turns < 100; turns++)
        await new Promise((done) => setTimeout(done, 10));
      return heard.includes(id);
    };
    const { id, operation } = await aProvisioningProject();
    await aSpare();
    const { fence } = await claimed(operation);
    const keys = new SigningKeyRepository(dataSource);
    const insertKey = `INSERT INTO signing_key (kid, project_id, public_jwk, private_sealed, state)
      VALUES ($1, $2, '{}', '', 'signing')`;
    expect(await announced(() => tenantDatabases.claimSpare(id, clusterId, 1), id)).toBe(true);
    expect(await announced(() => dataSource.query(insertKey, [`heard-${id}`, id]), id)).toBe(true);
    expect(await announced(() => keys.revokeAll(id), id)).toBe(true);
    expect(await announced(() => projects.setState(id, 'failed', { fence }), id)).toBe(true);
    expect(
      await announced(() => dataSource.query('UPDATE base_url SET active = true WHERE project_id = $1', [id]), id),
    ).toBe(true);
    const clusters = new ClusterRepository(dataSource);
    const cluster = await clusters.get(clusterId);
    const moved = {
      ...cluster,
      adminSecret: undefined,
      port: 5433,
      sslMode: 'require' as const,
      reservedConnections: 1,
    };
    expect(await announced(() => clusters.ensure(moved), id)).toBe(true);
    // What an operator has set stays.
    const { reservedConnections } = cluster;
    expect(await clusters.get(clusterId)).toMatchObject({ port: 5433, sslMode: 'require', reservedConnections });
    await listener.close();
  });
});

describe('operations', () => {
  test('one worker of many gets an operation, under a fence that rises with each claim', async () => {
    const { operation } = await aProvisioningProject();
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, worker) => operations.claim(operation.id, `worker-${worker}`, 30_000)),
    );
    const won = claims.filter((claim) => claim !== undefined);
    expect(won).toHaveLength(1);
    await endLease(operation);
    const next = await claimed(operation);
    expect(BigInt(next.fence)).toBeGreaterThan(BigInt(won[0]!.fence));
    expect(next.attempt).toBe(2);
  });

  test('a project has one unfinished operation; the refusal of a second names the first', async () => {
    const { id, operation } = await aProvisioningProject();
    const second = { id: newId('op'), kind: 'project.delete', projectId: id, params: {}, createdBy: 'operator:test' };
    await expect(operations.create(second)).rejects.toMatchObject({
      code: 'operation-in-progress',
      details: { operation: operation.id },
    });
    const { fence } = await claimed(operation);
    await operations.finish(operation.id, fence, 'succeeded');
    expect((await operations.create(second)).state).toBe('queued');
  });

  test('a worker that lost its lease can record nothing more', async () => {
    const { operation } = await aProvisioningProject();
    const { fence } = await claimed(operation);
    await endLease(operation);
    await claimed(operation);
    const lost = { code: 'lease-lost' };
    await expect(operations.recordStep(operation.id, fence, 'a', 'done')).rejects.toMatchObject(lost);
    await expect(operations.renewLease(operation.id, fence, 1000)).rejects.toMatchObject(lost);
    await expect(operations.finish(operation.id, fence, 'succeeded')).rejects.toMatchObject(lost);
    await expect(operations.succeedWith(operation.id, fence, 'a')).rejects.toMatchObject(lost);
    await expect(operations.retryLater(operation.id, fence, 1, { code: 'x', message: 'x' })).rejects.toMatchObject(
      lost,
    );
    expect(await operations.listSteps(operation.id)).toEqual([]);
  });

  test('steps keep their order and their times over planning, running and repeating', async () => {
    const { operation } = await aProvisioningProject();
    const planned = { 'project.create': ['reserve', 'seed'], 'project.purge': ['check'] };
    const { fence } = (await operations.claim(operation.id, 'worker-1', 30_000, planned))!;
    expect((await operations.listSteps(operation.id)).map(({ name, state }) => [name, state])).toEqual([
      ['reserve', 'pending'],
      ['seed', 'pending'],
    ]);
    await operations.recordStep(operation.id, fence, 'reserve', 'running');
    await operations.recordStep(operation.id, fence, 'reserve', 'done');
    await operations.recordStep(operation.id, fence, 'seed', 'failed', 'the database does not answer');
    await operations.recordStep(operation.id, fence, 'verify', 'done');
    await endLease(operation);
    const again = (await operations.claim(operation.id, 'worker-2', 30_000, planned))!;
    const { operation: shown, steps } = await operations.getWithSteps(operation.id);
    expect(steps).toEqual(await operations.listSteps(operation.id));
    expect(shown).toEqual(await operations.get(operation.id));
    expect(again).toEqual({ ...shown, project: expect.objectContaining({ id: operation.projectId, labels: {} }) });
    expect(steps.map(({ position, name, state, error }) => [position, name, state, error])).toEqual([
      [1, 'reserve', 'done', null],
      [2, 'seed', 'failed', 'the database does not answer'],
      [3, 'verify', 'done', null],
    ]);
    const [reserve, seed] = steps;
    expect(seed!.startedAt).toEqual(reserve!.finishedAt);
    expect(reserve!.finishedAt!.getTime()).toBeGreaterThanOrEqual(reserve!.startedAt!.getTime());
  });

  test('an operation is runnable when queued, when its pause is over, and when its lease has run out', async () => {
    const { operation } = await aProvisioningProject();
    const isRunnable = async () => (await operations.listRunnable(1_000)).includes(operation.id);
    expect(await isRunnable()).toBe(true);
    const { fence } = await claimed(operation);
    expect(await isRunnable()).toBe(false);
    await operations.retryLater(operation.id, fence, 60_000, { code: 'x', message: 'x' });
    expect(await isRunnable()).toBe(false);
    expect(await operations.claim(operation.id, 'worker-1', 1)).toBeUndefined();
    await dataSource.query('UPDATE operation SET next_attempt_at = now() WHERE id = $1', [operation.id]);
    expect(await isRunnable()).toBe(true);
    await claimed(operation);
    await endLease(operation);
    expect(await isRunnable()).toBe(true);
  });

  test('a secret is claimed once, by its creator, before it expires', async () => {
    const secrets = new SealedSecretRepository(dataSource);
    const now = new Date();
    const secret = (kind: string, expiresInMs: number) => ({
      id: uuidv7(),
      kind,
      sealed: Buffer.from(kind),
      claimableBy: 'operator:ana',
      expiresAt: new Date(now.getTime() + expiresInMs),
    });
    const id = uuidv7();
    const operationId = newId('op');
    await projects.createProvisioning({
      project: { id, slug: `secret-${id}`, name: 'Secret', fhirVersion: '4.0.1', createdBy: 'operator:test' },
      baseUrl: { kind: 'slug', name: `secret-${id}` },
      operation: { id: operationId, kind: 'project.create', params: {}, createdBy: 'operator:test' },
      sealedSecrets: [secret('admin-client', 1_000), secret('late', -1)],
    });
    expect(await secrets.claim(operationId, 'operator:eve', { now })).toEqual([]);
    const claims = await Promise.all([1, 2, 3].map(() => secrets.claim(operationId, 'operator:ana', { now })));
    expect(claims.flat().map(({ kind }) => kind)).toEqual(['admin-client']);
    await secrets.deleteExpired(now);
    expect(await dataSource.query('SELECT 1 FROM sealed_secret WHERE operation_id = $1', [operationId])).toEqual([]);
  });
});

describe('tenant databases', () => {
  test('spares are claimed by one project each, and only at the wanted schema version', async () => {
    const old = await aSpare(6);
    await Promise.all([aSpare(7), aSpare(7), aSpare(7)]);
    const made = await Promise.all(Array.from({ length: 5 }, () => aProvisioningProject()));
    const claims = await Promise.all(made.map(({ id }) => tenantDatabases.claimSpare(id, clusterId, 7)));
    const ids = claims.flatMap((claim) => claim?.id ?? []);
    expect(new Set(ids).size).toBe(3);
    expect(claims.filter((claim) => claim === undefined)).toHaveLength(2);
    expect(ids).not.toContain(old.id);
    expect(await tenantDatabases.countSpares(clusterId, 7)).toBe(0);
    expect(await tenantDatabases.countSpares(clusterId, 6)).toBe(1);
  });

  test('a repeated claim gives the same database and the same placement', async () => {
    const { id } = await aProvisioningProject();
    await Promise.all([aSpare(8), aSpare(8)]);
    const first = await tenantDatabases.claimSpare(id, clusterId, 8);
    const second = await tenantDatabases.claimSpare(id, clusterId, 8);
    expect(second?.id).toBe(first?.id);
    expect(await tenantDatabases.countSpares(clusterId, 8)).toBe(1);
    expect(await projects.get(id)).toMatchObject({ clusterId, dataKeyId: first?.dataKeyId });
    const [placement] = await dataSource.query<object[]>('SELECT generation FROM placement WHERE project_id = $1', [
      id,
    ]);
    expect(placement).toEqual({ generation: 1 });
  });

  test('a claim gives the wrapped keys of the database and of the project, which may have one of its own', async () => {
    const { id, operation } = await aProvisioningProject();
    const spare = await aSpare(12);
    const ownKeyId = uuidv7();
    const dataKeys = new DataKeyRepository(dataSource);
    await dataKeys.insert(ownKeyId, Buffer.from('own'));
    await projects.setDataKey(id, ownKeyId, { fence: (await claimed(operation)).fence });
    const { wrapped } = await dataKeys.get(spare.dataKeyId!);
    expect(await tenantDatabases.claimSpare(id, clusterId, 12)).toMatchObject({
      id: spare.id,
      wrappedKeys: { database: wrapped, project: Buffer.from('own') },
    });
    expect((await projects.get(id)).dataKeyId).toBe(ownKeyId);
  });

  test('a stale worker claims nothing', async () => {
    const { id, operation } = await aProvisioningProject();
    await aSpare(9);
    const { fence } = await claimed(operation);
    await endLease(operation);
    await claimed(operation);
    await expect(tenantDatabases.claimSpare(id, clusterId, 9, { fence })).rejects.toMatchObject({ code: 'lease-lost' });
    expect(await tenantDatabases.countSpares(clusterId, 9)).toBe(1);
  });

  test('a project that builds its own database never gets a second one', async () => {
    const { id, operation } = await aProvisioningProject();
    const { fence } = await claimed(operation);
    const keyId = uuidv7();
    await new DataKeyRepository(dataSource).insert(keyId, Buffer.from('wrapped'));
    const building = {
      clusterId,
      passwordSealed: Buffer.from('sealed'),
      dataKeyId: keyId,
      schemaVersion: 10,
      projectId: id,
    };
    const own = await tenantDatabases.insertBuilding({
      ...building,
      id: uuidv7(),
      databaseName: `own-${id}`,
      roleName: `own-${id}`,
    });
    await expect(
      tenantDatabases.insertBuilding({ ...building, id: uuidv7(), databaseName: `b-${id}`, roleName: `b-${id}` }),
    ).rejects.toMatchObject({ code: 'tenant-database-exists' });
    await aSpare(10);
    expect(await tenantDatabases.claimSpare(id, clusterId, 10)).toBeUndefined();
    for (let turn = 0; turn < 2; turn++) {
      expect(await tenantDatabases.claimBuilt(own.id, id, { fence })).toMatchObject({ id: own.id, state: 'claimed' });
    }
    const again = await tenantDatabases.claimSpare(id, clusterId, 10);
    expect(again).toMatchObject({
      id: own.id,
      wrappedKeys: { database: Buffer.from('wrapped'), project: Buffer.from('wrapped') },
    });
    expect(await tenantDatabases.findClaimed(id)).toEqual(again);
  });

  test('shredding a data key leaves the rows that referred to it, without a way into the database', async () => {
    const { id } = await aProvisioningProject();
    const spare = await aSpare(11);
    await tenantDatabases.claimSpare(id, clusterId, 11);
    await new DataKeyRepository(dataSource).shred(spare.dataKeyId!);
    await expect(new DataKeyRepository(dataSource).get(spare.dataKeyId!)).rejects.toMatchObject({ category: 'gone' });
    const { entries } = await projects.listDirectory();
    expect(entries.find(({ projectId }) => projectId === id)).toMatchObject({ dataKeyWrapped: null, placement: null });
  });
});

describe('the last step', () => {
  test('is recorded and ends the operation in one statement', async () => {
    const { operation } = await aProvisioningProject();
    const { fence } = await claimed(operation);
    await operations.succeedWith(operation.id, fence, 'publish');
    const ended = await operations.getWithSteps(operation.id);
    expect(ended.operation).toMatchObject({ state: 'succeeded', leaseOwner: null, leaseExpiresAt: null });
    expect(ended.operation.finishedAt).toBeInstanceOf(Date);
    expect(ended.steps.map(({ name, state }) => [name, state])).toEqual([['publish', 'done']]);
  });

  test('that puts a project into service twice leaves it with one signing key', async () => {
    const { id, operation } = await aProvisioningProject();
    const { fence } = await claimed(operation);
    const key = (kid: string) => ({ kid, projectId: id, publicJwk: { kid }, privateSealed: Buffer.from('sealed') });
    await projects.activate(id, { fence, signingKey: key(`first-${id}`) });
    await projects.activate(id, { fence, signingKey: key(`second-${id}`) });
    const keys = await new SigningKeyRepository(dataSource).listOfProject(id);
    expect(keys.map(({ kid, state, publicJwk }) => [kid, state, publicJwk])).toEqual([
      [`first-${id}`, 'signing', { kid: `first-${id}` }],
    ]);
  });

  test('of a worker that has lost its lease gives the project neither state nor key', async () => {
    const { id, operation } = await aProvisioningProject();
    const { fence } = await claimed(operation);
    await endLease(operation);
    await claimed(operation);
    const signingKey = { kid: `late-${id}`, projectId: id, publicJwk: {}, privateSealed: Buffer.alloc(1) };
    await expect(projects.activate(id, { fence, signingKey })).rejects.toMatchObject({ code: 'lease-lost' });
    expect((await projects.get(id)).state).toBe('provisioning');
    expect(await new SigningKeyRepository(dataSource).listOfProject(id)).toEqual([]);
  });
});

describe('first operator', () => {
  test('of several processes that start at once one makes it', async () => {
    const empty = await aDatabase();
    const opened = await Promise.all(
      [1, 2, 3].map(() => openControlDatabase({ databaseUrl: empty.url }, { migrate: true })),
    );
    let made = 0;
    const outcomes = await Promise.all(
      opened.map((each) =>
        new OperatorRepository(each).ensureFirst(async () => {
          made += 1;
          return { id: uuidv7(), email: 'admin@example.com', passwordHash: 'x', role: 'platform-admin' };
        }),
      ),
    );
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    expect(made).toBe(1);
    await Promise.all(opened.map((each) => each.destroy()));
    await empty.drop();
  });
});

describe('login throttle', () => {
  test('five attempts are free, then the pause doubles; a success forgets an account but not an address', async () => {
    const throttle = new LoginThrottleRepository(dataSource);
    const passed: number[] = [];
    for (let attempt = 0; attempt < 5; attempt++) passed.push(await throttle.begin('account:a'));
    expect(passed).toEqual([0, 0, 0, 0, 0]);
    expect(await throttle.begin('account:a')).toBe(1);
    await dataSource.query(`UPDATE login_throttle SET blocked_until = now() WHERE subject = 'account:a'`);
    expect(await throttle.begin('account:a')).toBe(0);
    expect(await throttle.begin('account:a')).toBe(2);
    await throttle.forget('account:a');
    expect(await throttle.begin('account:a')).toBe(0);

    for (let attempt = 0; attempt < 4; attempt++) await throttle.begin('address:a');
    await throttle.begin('address:a');
    await throttle.uncount('address:a');
    expect(await throttle.begin('address:a')).toBe(0);
    expect(await throttle.begin('address:a')).toBeGreaterThan(0);
  });

  test('attempts at once are counted before any of them is judged', async () => {
    const throttle = new LoginThrottleRepository(dataSource);
    const waits = await Promise.all(Array.from({ length: 20 }, () => throttle.begin('account:parallel')));
    expect(waits.filter((seconds) => seconds === 0)).toHaveLength(5);
  });

  test('a long pause forgives', async () => {
    const throttle = new LoginThrottleRepository(dataSource);
    for (let attempt = 0; attempt < 5; attempt++) await throttle.begin('account:old');
    await dataSource.query(
      `UPDATE login_throttle SET last_attempt_at = now() - interval '1 h', blocked_until = now() WHERE subject = 'account:old'`,
    );
    expect(await throttle.begin('account:old')).toBe(0);
    expect(await throttle.begin('account:old')).toBe(0);
  });
});

describe('idempotency keys', () => {
  const request = { caller: 'operator:a', key: 'k', method: 'POST', path: '/p', bodyHash: Buffer.from('1') };
  const kept = { reserveSeconds: 60, keptHours: 24 };
  const answer = { status: 201, headers: { Location: '/x' }, body: { id: 1 } };
  let keys: IdempotencyRepository;
  beforeAll(() => {
    keys = new IdempotencyRepository(dataSource);
  });

  test('one of many requests at once is reserved; the others are in flight, and later replayed', async () => {
    const one = { ...request, key: 'many' };
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => keys.reserve(one, kept)));
    const reserved = outcomes.filter((each) => each.outcome === 'reserved');
    expect(reserved).toHaveLength(1);
    expect(outcomes.filter(({ outcome }) => outcome === 'in-flight')).toHaveLength(5);
    await keys.settle(reserved[0]!.reservation, answer);
    expect(await keys.reserve(one, kept)).toEqual({ outcome: 'replay', answer });
    expect(await keys.reserve({ ...one, bodyHash: Buffer.from('2') }, kept)).toEqual({ outcome: 'mismatch' });
    expect(await keys.reserve({ ...one, path: '/q' }, kept)).toEqual({ outcome: 'mismatch' });
    expect((await keys.reserve({ ...one, caller: 'operator:b' }, kept)).outcome).toBe('reserved');
  });

  test('a process that dies before its change leaves a key that can be taken over, and its late answer counts for nothing', async () => {
    const one = { ...request, key: 'crash-before' };
    const dead = await keys.reserve(one, { ...kept, reserveSeconds: -1 });
    const next = await keys.reserve(one, kept);
    expect(next.outcome).toBe('reserved');
    if (dead.outcome !== 'reserved' || next.outcome !== 'reserved') throw new Error('both reserve');
    await keys.settle(dead.reservation, { ...answer, status: 500 });
    await keys.settle(next.reservation, answer);
    expect(await keys.reserve(one, kept)).toEqual({ outcome: 'replay', answer });
  });

  test('a process that dies after its change leaves the recorded answer', async () => {
    const one = { ...request, key: 'crash-after' };
    const dead = await keys.reserve(one, { ...kept, reserveSeconds: -1 });
    if (dead.outcome !== 'reserved') throw new Error('it reserves');
    await keys.record(dead.reservation, answer);
    expect(await keys.reserve(one, kept)).toEqual({ outcome: 'replay', answer });
  });

  test('a released key may be used again, and a key older than a day is unknown', async () => {
    const one = { ...request, key: 'again' };
    const first = await keys.reserve(one, kept);
    if (first.outcome !== 'reserved') throw new Error('it reserves');
    await keys.release(first.reservation);
    const second = await keys.reserve(one, kept);
    if (second.outcome !== 'reserved') throw new Error('it reserves');
    await keys.settle(second.reservation, answer);
    await dataSource.query(`UPDATE idempotency_key SET created_at = now() - interval '25 h' WHERE key = 'again'`);
    expect((await keys.reserve({ ...one, bodyHash: Buffer.from('other') }, kept)).outcome).toBe('reserved');
  });
});

describe('the audit chain', () => {
  test('holds over records written at once, and a change, a gap or a swapped record breaks it', async () => {
    const own = await aDatabase();
    const source = await openControlDatabase({ databaseUrl: own.url }, { migrate: true });
    const audit = new AuditRepository(source);
    const entry = {
      actor: 'operator:ä',
      action: 'project.update',
      target: 'project:1',
      requestId: 'r',
      outcome: 'success',
    };
    await Promise.all(
      Array.from({ length: 12 }, (_, each) => audit.append({ ...entry, before: { n: each }, after: { n: each + 1 } })),
    );
    expect(await audit.verifyChain()).toMatchObject({ intact: true, records: 12 });

    await expect(source.query(`UPDATE audit_record SET actor = 'x'`)).rejects.toThrow(/append-only/);
    await expect(source.query('DELETE FROM audit_record')).rejects.toThrow(/append-only/);
    await source.query('ALTER TABLE audit_record DISABLE TRIGGER USER');
    await source.query(`UPDATE audit_record SET outcome = 'denied' WHERE id = 5`);
    expect(await audit.verifyChain()).toMatchObject({ intact: false, brokenAt: '5' });
    await source.query(`UPDATE audit_record SET outcome = 'success' WHERE id = 5`);
    expect(await audit.verifyChain()).toMatchObject({ intact: true });
    await source.query('DELETE FROM audit_record WHERE id = 7');
    expect(await audit.verifyChain()).toMatchObject({ intact: false, brokenAt: '8' });
    await source.destroy();
    await own.drop();
  });

  test('a mutation that is rolled back leaves no record and no gap', async () => {
    const audit = new AuditRepository(dataSource);
    const entry = { actor: 'a', action: 'b', target: 'c', requestId: 'r', outcome: 'success' };
    await audit.append(entry);
    await expect(
      new Transactions(dataSource).run(async (transaction) => {
        await audit.append(entry, transaction);
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    await audit.append(entry);
    expect(await audit.verifyChain()).toMatchObject({ intact: true });
  });
});
