import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { DataSource } from 'typeorm';
import {
  type Operation,
  OperationRepository,
  openControlDatabase,
  type PlacedProject,
  ProjectRepository,
  type TenantDatabase,
  TenantDatabaseRepository,
} from '#control-database';
import { openOperationQueue, type OperationKind, type OperationQueue } from '#operations';
import { type Config, createLogger, loadConfig, masterKeyProvider, newId, open, uuidv7 } from '#platform';
import { connectOnce, type DatabaseTarget, listen, type OwnedConnection, sql, startEmbeddedPostgres } from '#postgres';
import { tenantPasswordContext } from '#tenancy';
import { startWorker, type Worker, type WorkerOptions } from '../../apps/worker/src/worker.js';

/** One installation on a PostgreSQL of its own, so that a test can say exactly what may be there and what not. */
export class WorkerBench {
  readonly projects: ProjectRepository;
  readonly operations: OperationRepository;
  readonly tenantDatabases: TenantDatabaseRepository;
  private readonly workers: Worker[] = [];
  private readonly children: ChildProcess[] = [];
  private readonly watchers = new Set<() => void>();

  private constructor(
    readonly config: Config,
    readonly env: NodeJS.ProcessEnv,
    readonly dataSource: DataSource,
    readonly admin: OwnedConnection,
    readonly superuserUrl: string,
    private readonly queue: OperationQueue,
    private readonly closers: (() => Promise<unknown>)[],
  ) {
    this.projects = new ProjectRepository(dataSource);
    this.operations = new OperationRepository(dataSource);
    this.tenantDatabases = new TenantDatabaseRepository(dataSource);
  }

  /** By default the administrator is a superuser, whom a server of somebody else's gives to nobody. */
  static async open({ administrator = 'superuser' }: { administrator?: Administrator } = {}): Promise<WorkerBench> {
    const dataDir = mkdtempSync(path.join(tmpdir(), 'boxyard-worker-test-'));
    chmodSync(dataDir, 0o755);
    const server = await startEmbeddedPostgres({
      dataDir,
      log: { info: () => undefined, warn: () => undefined },
      settings: { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', max_wal_size: '1GB' },
    });
    const url = administrator === 'superuser' ? server.url : await limitedAdministrator(server.url);
    const env = {
      BOXYARD_DATA_DIR: dataDir,
      DATABASE_URL: url,
      BOXYARD_MASTER_KEY: randomBytes(32).toString('base64'),
      LOG_LEVEL: 'warn',
      LOG_FORMAT: 'json',
    };
    const config = loadConfig(env);
    const dataSource = await openControlDatabase(config, { migrate: true });
    const queue = await openOperationQueue({ databaseUrl: url });
    const admin = await connectOnce(url);
    const closers = [
      () => admin.close(),
      () => queue.close(),
      () => dataSource.destroy(),
      () => server.stop(),
      async () => rmSync(dataDir, { recursive: true, force: true }),
    ];
    const bench = new WorkerBench(config, env, dataSource, admin, server.url, queue, closers);
    const tell = () => bench.watchers.forEach((watcher) => watcher());
    const listener = await listen(url, ['boxyard_operation', 'boxyard_project'], tell, tell);
    closers.unshift(() => listener.close());
    return bench;
  }

  async close(): Promise<void> {
    for (const child of this.children) await endChild(child, 'SIGKILL');
    await this.stopWorkers();
    for (const close of this.closers) await close();
  }

  /** A worker in this process. */
  async startWorker(options: WorkerOptions = {}): Promise<Worker> {
    const logger = createLogger({ logLevel: 'silent', logFormat: 'json' }, 'worker');
    const worker = await startWorker(this.config, logger, options);
    this.workers.push(worker);
    return worker;
  }

  async stopWorkers(): Promise<void> {
    await Promise.all(this.workers.splice(0).map((worker) => worker.close()));
  }

  /** A worker in a process of its own; see worker-child.mjs. */
  spawnWorker(settings: {
    STEP?: string;
    AT?: string;
    SIGNAL?: string;
    LEASE_MS?: string;
    SPARES?: string;
  }): ChildProcess {
    const child = spawn(process.execPath, [path.resolve('test/integration/worker-child.mjs')], {
      env: { ...process.env, ...this.env, ...settings },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.children.push(child);
    return child;
  }

  /** Writes a project and its operation as the control plane does, and wakes the workers. */
  async createProject(options: { wake?: boolean } = {}): Promise<{ projectId: string; operationId: string }> {
    const slug = `p-${randomBytes(6).toString('hex')}`;
    const projectId = uuidv7();
    const operationId = newId('op');
    const adminClient = { clientId: randomUUID(), secretSha256: randomBytes(32).toString('hex') };
    await this.projects.createProvisioning({
      project: { id: projectId, slug, name: slug, fhirVersion: '4.0.1', createdBy: 'test' },
      baseUrl: { kind: 'slug', name: slug },
      operation: {
        id: operationId,
        kind: 'project.create',
        params: { fhirVersion: '4.0.1', name: slug, adminClient },
        createdBy: 'test',
      },
    });
    if (options.wake ?? true) await this.queue.wake(operationId);
    return { projectId, operationId };
  }

  wake(operationId: string): Promise<void> {
    return this.queue.wake(operationId);
  }

  async queueOperation(kind: OperationKind, projectId: string, params: object = {}): Promise<string> {
    const id = newId('op');
    await this.operations.create({ id, kind, projectId, params, createdBy: 'test' });
    await this.queue.wake(id);
    return id;
  }

  /** Marks the project as the control plane does when it is deleted. */
  async softDelete(projectId: string): Promise<void> {
    await this.dataSource.query(
      `UPDATE project SET previous_state = state, state = 'deleting', purge_after = now() + interval '30 days' WHERE id = $1`,
      [projectId],
    );
  }

  async signingKeyStates(projectId: string): Promise<string[]> {
    const keys = await this.dataSource.query<{ state: string }[]>(
      'SELECT state FROM signing_key WHERE project_id = $1',
      [projectId],
    );
    return keys.map(({ state }) => state);
  }

  /** An active project, made by a worker that runs already. */
  async anActiveProject(): Promise<PlacedProject> {
    const { projectId, operationId } = await this.createProject();
    const operation = await this.ended(operationId);
    if (operation.state !== 'succeeded') throw new Error(`not created: ${JSON.stringify(operation.error)}`);
    return this.projects.get(projectId);
  }

  /** The operation when it has ended. */
  async ended(operationId: string): Promise<Operation> {
    return this.until(`operation ${operationId} has ended`, async () => {
      const operation = await this.operations.get(operationId);
      return ['succeeded', 'failed', 'cancelled'].includes(operation.state) ? operation : undefined;
    });
  }

  /** Looks at every change that is announced, and ten times a second, until there is something. */
  async until<T>(what: string, look: () => Promise<T | undefined>, withinMs = 120_000): Promise<T> {
    const giveUpAt = performance.now() + withinMs;
    for (;;) {
      let announced!: () => void;
      const change = new Promise<void>((resolve) => (announced = resolve));
      this.watchers.add(announced);
      const timer = setTimeout(announced, 100);
      try {
        const found = await look();
        if (found !== undefined) return found;
        if (performance.now() > giveUpAt) throw new Error(`waited in vain until ${what}`);
        await change;
      } finally {
        clearTimeout(timer);
        this.watchers.delete(announced);
      }
    }
  }

  /** Lets the leases of dead workers run out now. */
  async expireLeases(): Promise<void> {
    await this.dataSource.query(
      `UPDATE operation SET lease_expires_at = now() - interval '1 s' WHERE state = 'running'`,
    );
  }

  /** The stock when it has at least so many and none is half built. */
  spares(count: number): Promise<TenantDatabase[]> {
    return this.until(`there are ${count} spares`, async () => {
      const rows = await this.tenantDatabases.listByState('building', 'spare');
      const unowned = rows.filter(({ projectId }) => projectId === null);
      return unowned.length >= count && unowned.every(({ state }) => state === 'spare') ? unowned : undefined;
    });
  }

  /** Runs `work` while no spare can be claimed, as if the stock were empty: whoever claims one skips locked rows. */
  async withoutSpares<T>(work: () => Promise<T>): Promise<T> {
    return this.dataSource.transaction(async (manager) => {
      await manager.query(`SELECT id FROM tenant_database WHERE state = 'spare' FOR UPDATE`);
      return work();
    });
  }

  /** The names that exist on the server beside those of PostgreSQL, the control database and the template. */
  async onServer(): Promise<{ databases: string[]; roles: string[] }> {
    const { username, pathname } = new URL(this.superuserUrl);
    const databases = await this.admin.query<{ name: string }>(
      sql`SELECT datname AS name FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', current_database())
            AND datname <> ${pathname.slice(1)} ORDER BY 1`,
    );
    const roles = await this.admin.query<{ name: string }>(
      sql`SELECT rolname AS name FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%' AND rolname <> current_user
            AND rolname <> ${username} ORDER BY 1`,
    );
    return { databases: databases.map(({ name }) => name), roles: roles.map(({ name }) => name) };
  }

  /** What the rows say that must exist: all that is in use or in stock, and nothing else. */
  async recorded(): Promise<{ databases: string[]; roles: string[] }> {
    const rows = await this.tenantDatabases.listByState('building', 'spare', 'claimed', 'trash');
    const unfinished = rows.filter(({ state }) => state === 'building' || state === 'trash');
    if (unfinished.length > 0) throw new Error(`${unfinished.length} databases are half built or half dropped`);
    return {
      databases: rows.map(({ databaseName }) => databaseName).toSorted(),
      roles: rows.map(({ roleName }) => roleName).toSorted(),
    };
  }

  /** Throws unless every database and role on the server is recorded as in use or in stock, and the reverse. */
  async assertNoOrphans(): Promise<void> {
    const [found, recorded] = [await this.onServer(), await this.recorded()];
    if (JSON.stringify(found) === JSON.stringify(recorded)) return;
    throw new Error(`on the server: ${JSON.stringify(found)}\nrecorded: ${JSON.stringify(recorded)}`);
  }

  /** How many resources of each type a tenant database holds, read by its own role. */
  async resourceCounts(database: TenantDatabase): Promise<Record<string, number>> {
    const tenant = await connectOnce(await this.loginOf(database));
    try {
      const rows = await tenant.query<{ type: string; count: number }>(
        sql`SELECT type, count(*)::int AS count FROM resource GROUP BY type`,
      );
      return Object.fromEntries(rows.map(({ type, count }) => [type, count]));
    } finally {
      await tenant.close();
    }
  }

  /** How the role of a tenant database logs in. */
  async loginOf(database: TenantDatabase): Promise<Omit<DatabaseTarget, 'key' | 'clusterId'>> {
    const [row] = await this.dataSource.query<{ wrapped: Buffer }[]>('SELECT wrapped FROM data_key WHERE id = $1', [
      database.dataKeyId,
    ]);
    const key = await masterKeyProvider(this.config.masterKey!).unwrap(row!.wrapped);
    const server = new URL(this.config.databaseUrl!);
    return {
      host: server.hostname,
      port: Number(server.port),
      database: database.databaseName,
      user: database.roleName,
      password: open(key, database.passwordSealed, tenantPasswordContext(database.id)).toString('utf8'),
    };
  }

  async databaseOf(projectId: string): Promise<TenantDatabase> {
    const database = await this.tenantDatabases.findOfProject(projectId);
    if (!database) throw new Error(`project ${projectId} has no tenant database`);
    return database;
  }
}

type Administrator = 'superuser' | 'CREATEDB and CREATEROLE';

/** The URL of a control database whose owner may make databases and roles and nothing else. */
async function limitedAdministrator(superuserUrl: string): Promise<string> {
  const superuser = await connectOnce(superuserUrl);
  await superuser.query(sql`CREATE ROLE administrator LOGIN CREATEDB CREATEROLE PASSWORD 'administrator'`);
  await superuser.query(sql`CREATE DATABASE control OWNER administrator`);
  await superuser.close();
  const [username, password] = ['administrator', 'administrator'];
  return Object.assign(new URL(superuserUrl), { username, password, pathname: '/control' }).href;
}

export async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

/** The first line of a child's output that has the text. */
export async function lineWith(child: ChildProcess, text: string): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) if (line.includes(text)) return line;
  throw new Error(`the worker ended without saying "${text}"`);
}
