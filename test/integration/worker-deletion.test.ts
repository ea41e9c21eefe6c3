import { existsSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { AuditRepository, ProjectRepository, Transactions } from '#control-database';
import { LocalFileStorage } from '#files';
import { connectOnce, identifier, sql, sqlState } from '#postgres';
import { duePurges } from '../../apps/worker/src/reconcilers/due-purges.js';
import { endChild, lineWith, WorkerBench } from './worker.fixture.js';

let bench: WorkerBench;

beforeAll(async () => {
  bench = await WorkerBench.open();
});

afterEach(() => bench.stopWorkers());

afterAll(() => bench.close());

describe('deleting a project', () => {
  test('ends its connections, takes its login away and revokes its keys, and keeps its data', async () => {
    await bench.startWorker();
    const project = await bench.anActiveProject();
    const database = await bench.databaseOf(project.id);
    const login = await bench.loginOf(database);
    const open = await connectOnce(login);
    await bench.softDelete(project.id);
    expect((await bench.ended(await bench.queueOperation('project.delete', project.id))).state).toBe('succeeded');

    await expect(open.query(sql`SELECT 1`)).rejects.toThrow();
    expect(await connectOnce(login).then(() => 'in', sqlState)).toBe('28000');
    expect(await bench.signingKeyStates(project.id)).toEqual(['revoked']);
    expect((await bench.databaseOf(project.id)).state).toBe('claimed');
    expect((await bench.onServer()).databases).toContain(database.databaseName);
  });

  test('is followed by its purge when its time has come: only a tombstone stays, its name blocked for 90 days', async () => {
    await bench.startWorker();
    const project = await bench.anActiveProject();
    const kept = await bench.anActiveProject();
    const database = await bench.databaseOf(project.id);
    await bench.softDelete(project.id);
    await bench.ended(await bench.queueOperation('project.delete', project.id));
    await bench.dataSource.query(`UPDATE project SET purge_after = now() - interval '1 s' WHERE id = $1`, [project.id]);

    // The next start finds it; a running worker would within a minute.
    await bench.stopWorkers();
    const files = await LocalFileStorage.open(path.join(bench.config.dataDir, 'files'));
    const fileOf = ({ id }: { id: string }) => ({ area: id, name: 'a-file' });
    for (const each of [project, kept]) await files.put(fileOf(each), Readable.from([Buffer.from('content')]));
    await bench.startWorker();
    const purged = await bench.until('the project is purged', async () => {
      const { state, ...rest } = await bench.projects.get(project.id);
      return state === 'deleted' ? rest : undefined;
    });
    expect(purged).toMatchObject({ slug: project.slug, dataKeyId: null });
    const { databases, roles } = await bench.onServer();
    expect(
      [...databases, ...roles].filter((name) => [database.databaseName, database.roleName].includes(name)),
    ).toEqual([]);
    const keys = await bench.dataSource.query<object[]>('SELECT FROM data_key WHERE id = $1', [database.dataKeyId]);
    expect(keys).toEqual([]);
    expect(await bench.signingKeyStates(project.id)).toEqual([]);
    expect(await files.get(fileOf(project))).toBeUndefined();
    expect(existsSync(path.join(bench.config.dataDir, 'files', kept.id))).toBe(true);
    const [name] = await bench.dataSource.query<{ days: number; active: boolean }[]>(
      `SELECT round(extract(epoch FROM free_after - now()) / 86400)::int AS days, active FROM base_url WHERE project_id = $1`,
      [project.id],
    );
    expect(name).toEqual({ days: 90, active: false });
    const audit = await bench.dataSource.query<object[]>(
      `SELECT FROM audit_record WHERE action = 'project.purge' AND target = $1`,
      [`project:${project.id}`],
    );
    expect(audit).toHaveLength(1);
    expect((await bench.projects.get(kept.id)).state).toBe('active');
    await bench.spares(5);
    await bench.assertNoOrphans();
  });

  test('is followed by one purge, however late another worker asks for it, and by none when it was taken back', async () => {
    await bench.startWorker({ sparesPerCluster: 1 });
    const purged = await bench.anActiveProject();
    await bench.softDelete(purged.id);
    expect((await bench.ended(await bench.queueOperation('project.purge', purged.id))).state).toBe('succeeded');
    const kept = await bench.anActiveProject();

    // Both were due when it looked.
    const projects = new ProjectRepository(bench.dataSource);
    projects.listPurgeDue = async () => [purged.id, kept.id];
    const queued: string[] = [];
    const late = duePurges({
      projects,
      operations: bench.operations,
      audit: new AuditRepository(bench.dataSource),
      transactions: new Transactions(bench.dataSource),
      workerId: 'late',
      onQueued: () => queued.push('one'),
    });
    await late.run(new AbortController().signal);
    expect(queued).toEqual([]);
    for (const { id } of [purged, kept]) expect(await bench.operations.findUnfinished(id)).toBeUndefined();
    expect(await bench.projects.isSlugFree(purged.slug)).toBe(false);
  });

  test('does not let a project be purged that is not deleted', async () => {
    await bench.startWorker();
    const project = await bench.anActiveProject();
    const purge = await bench.ended(await bench.queueOperation('project.purge', project.id));
    expect(purge).toMatchObject({ state: 'failed', error: { code: 'invalid-transition', step: 'check' } });
    expect((await bench.projects.get(project.id)).state).toBe('active');
    const database = await bench.databaseOf(project.id);
    expect(await bench.resourceCounts(database)).toMatchObject({ Project: 1 });
  });

  test('never drops what no row names: an orphan is reported and stays', async () => {
    const name = 'fp_orphaned2orphaned2orphane';
    const [cluster] = await bench.dataSource.query<{ id: string }[]>('SELECT id FROM cluster');
    await bench.admin.query(sql`CREATE DATABASE ${identifier(name)}`);
    const [comment] = await bench.admin.query<{ text: string }>(
      sql`SELECT format('COMMENT ON DATABASE %I IS %L', ${name}::text, ${`boxyard ${cluster!.id} tenant database gone`}::text) AS text`,
    );
    await bench.dataSource.query(comment!.text);
    const child = bench.spawnWorker({ SPARES: '0' });
    expect(await lineWith(child, 'orphan on a cluster')).toContain(name);
    await endChild(child, 'SIGTERM');
    expect((await bench.onServer()).databases).toContain(name);
    await bench.admin.query(sql`DROP DATABASE ${identifier(name)}`);
  });
});
