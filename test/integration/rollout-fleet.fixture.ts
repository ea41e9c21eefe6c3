/** A fleet of projects with tenant databases of their own, made cheaply, and workers that roll migrations out over it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DataSource, QueryRunner } from 'typeorm';
import {
  type MaintenanceWindow,
  openControlDatabase,
  ProjectRepository,
  type RequestedRollout,
  type RolloutPlan,
  RolloutRequestRepository,
  type RolloutState,
  Transactions,
} from '#control-database';
import { type TenantMigration, tenantMigrations } from '#migrations/tenant';
import { createLogger, loadConfig, masterKeyProvider, newId } from '#platform';
import { compiledSql, connectOnce, dropDatabase, ensureDatabase, listen, type OwnedConnection, sql } from '#postgres';
import { type TestDatabase, testPostgresUrl } from '#testing';
import { appliedSchema, type SchemaStep, schemaSteps } from '#tenant-schema';
import { ClusterAdmins, loginOf } from '../../apps/worker/src/clusters/cluster-admins.js';
import { ReconcilerLoop } from '../../apps/worker/src/reconcilers/reconciler.js';
import type { OnRolloutMoment } from '../../apps/worker/src/rollouts/rollout-services.js';
import { startRollouts } from '../../apps/worker/src/rollouts/start-rollouts.js';
import { aControlDatabase } from './control-schema.fixture.js';
import { tenantTemplate } from './tenant-template.fixture.js';
import { endChild } from './worker.fixture.js';

/** The schema that the fleet's databases have at first. */
export const baseVersion = tenantMigrations.length;

/** A migration as data; its name is given a number by its place. */
export interface SyntheticMigration extends Partial<Pick<TenantMigration, 'phase' | 'transaction' | 'backfill'>> {
  readonly name: string;
  readonly statements: readonly string[];
  readonly statementTimeoutMs?: number;
}

/** Two migrations that show how often they ran: each adds a row to a table without a key. */
export const counted: readonly SyntheticMigration[] = [
  {
    name: 'Counted1',
    statements: [
      'CREATE TABLE step_log (step integer NOT NULL)',
      'INSERT INTO step_log VALUES (1)',
      'ALTER TABLE resource ADD counted_once integer',
    ],
  },
  { name: 'Counted2', statements: ['INSERT INTO step_log VALUES (2)'] },
];

export function migrationsWith(synthetic: readonly SyntheticMigration[]): (new () => TenantMigration)[] {
  return [...tenantMigrations, ...synthetic.map(toMigration)];
}

export async function stepsWith(synthetic: readonly SyntheticMigration[]): Promise<SchemaStep[]> {
  return schemaSteps(migrationsWith(synthetic));
}

function toMigration({ statements, phase = 'expand', ...rest }: SyntheticMigration): new () => TenantMigration {
  return class implements TenantMigration {
    readonly name = rest.name;
    readonly phase = phase;
    readonly transaction = rest.transaction ?? true;
    readonly statementTimeoutMs = rest.statementTimeoutMs ?? 60_000;
    declare readonly backfill?: NonNullable<TenantMigration['backfill']>;

    constructor() {
      if (rest.backfill !== undefined) Object.assign(this, { backfill: rest.backfill });
    }

    async up(runner: QueryRunner): Promise<void> {
      for (const statement of statements) await runner.query(statement);
    }

    async down(): Promise<void> {
      throw new Error('never');
    }
  };
}

export const aPlan = (plan: Partial<RolloutPlan> = {}): RolloutPlan => ({
  waves: [{ percent: 25 }, { percent: 100 }],
  parallel: 4,
  parallelPerCluster: 4,
  pauseBetweenWavesMs: 0,
  attempts: 5,
  budget: { failedProjects: 0, failedPercent: 100, errorRateIncreasePct: 50, p95IncreasePct: 50 },
  onExceeded: 'pause',
  verify: false,
  health: { windowMs: 0, minRequests: 20, smokeProjects: 0 },
  ...plan,
});

export interface FleetProject {
  readonly id: string;
  readonly slug: string;
  readonly databaseName: string;
}

export interface ProjectRow {
  readonly projectId: string;
  readonly slug: string;
  readonly wave: number;
  readonly state: string;
  readonly attempts: number;
  readonly error: {
    code: string;
    message: string;
    position?: number;
    statement?: { number: number; text: string };
  } | null;
  readonly errorFingerprint: string | null;
  readonly skipReason: string | null;
  readonly waitsFor: string | null;
  readonly dueAt: Date | null;
  readonly backfill: string;
  readonly backfillRows: string;
  readonly fromVersion: number | null;
  readonly toVersion: number | null;
  readonly foundVersion: number | null;
  readonly schemaVersion: number;
}

export interface FleetWorker {
  close(): Promise<void>;
}

export class RolloutFleet {
  readonly projects: FleetProject[] = [];
  readonly requests: RolloutRequestRepository;
  private readonly workers: FleetWorker[] = [];
  private readonly children: ChildProcess[] = [];
  private readonly watchers = new Set<() => void>();
  private readonly transactions: Transactions;
  private readonly clusterId = newId('cl');
  private readonly migrationsFile = path.join(tmpdir(), `boxyard-rollout-${randomBytes(6).toString('hex')}.json`);

  private constructor(
    readonly control: TestDatabase,
    readonly dataSource: DataSource,
    readonly admin: OwnedConnection,
    private readonly closers: (() => Promise<unknown>)[],
    /** The superuser's URL of the server of the tenant databases. */
    private readonly tenantServer: string,
  ) {
    this.requests = new RolloutRequestRepository(dataSource);
    this.transactions = new Transactions(dataSource);
  }

  /**
   * So many projects, called `p0`, `p1`, …, all with the schema `baseVersion`. Their databases are on the server of the control
   * database, unless the superuser's URL of another one is given.
   */
  static async open(count: number, tenantServer = testPostgresUrl()): Promise<RolloutFleet> {
    const control = await aControlDatabase();
    const dataSource = await openControlDatabase({ databaseUrl: control.url }, { migrate: false });
    const admin = await connectOnce(tenantServer);
    const closers: (() => Promise<unknown>)[] = [];
    const fleet = new RolloutFleet(control, dataSource, admin, closers, tenantServer);
    const tell = () => fleet.watchers.forEach((watcher) => watcher());
    const listener = await listen(control.url, ['boxyard_rollout', 'boxyard_project'], tell, tell);
    closers.push(() => listener.close());
    const { host, port } = loginOf(new URL(tenantServer));
    const adminSecret = tenantServer === testPostgresUrl() ? null : Buffer.from('sealed');
    await dataSource.query(
      `INSERT INTO cluster (id, name, host, port, max_projects, max_connections, reserved_connections, region, admin_secret)
       VALUES ($1, 'one', $2, $3, 1000, 100, 40, 'north', $4)`,
      [fleet.clusterId, host, port, adminSecret],
    );
    await dataSource.query('INSERT INTO fleet (target_version) VALUES ($1)', [baseVersion]);
    for (let number = 0; number < count; number++) await fleet.addProject(`p${number}`);
    return fleet;
  }

  async close(): Promise<void> {
    for (const child of this.children) await endChild(child, 'SIGKILL');
    await this.stopWorkers();
    for (const close of this.closers) await close();
    await this.dataSource.destroy();
    for (const { databaseName } of this.projects) await dropDatabase(this.admin, databaseName);
    await this.admin.close();
    rmSync(this.migrationsFile, { force: true });
    await this.control.drop();
  }

  /** For a server of the test's own that has crashed meanwhile: everything else goes with it. */
  async closeAfterCrash(): Promise<void> {
    for (const child of this.children) await endChild(child, 'SIGKILL');
    await this.stopWorkers();
    for (const close of this.closers) await close();
    await this.dataSource.destroy();
    rmSync(this.migrationsFile, { force: true });
  }

  /** One more project, with the fleet's first schema. */
  async addProject(slug: string, { labels = {}, state = 'active' } = {}): Promise<FleetProject> {
    const [id, databaseId, databaseName] = [randomUUID(), randomUUID(), `fleet_${randomBytes(8).toString('hex')}`];
    const template = await tenantTemplate(baseVersion, this.tenantServer);
    await ensureDatabase(this.admin, databaseName, { template, comment: 'a test' });
    await this.dataSource.query(
      `INSERT INTO project (id, slug, name, fhir_version, state, labels, created_by) VALUES ($1, $2, $2, '4.0.1', $3, $4, 'test')`,
      [id, slug, state, JSON.stringify(labels)],
    );
    await this.dataSource.query(
      `INSERT INTO tenant_database (id, cluster_id, database_name, role_name, password_sealed, schema_version, state, project_id)
       VALUES ($1, $2, $3, $3, '', $4, 'claimed', $5)`,
      [databaseId, this.clusterId, databaseName, baseVersion, id],
    );
    await this.dataSource.query(
      'INSERT INTO placement (project_id, tenant_database_id, generation) VALUES ($1, $2, 1)',
      [id, databaseId],
    );
    const project = { id, slug, databaseName };
    this.projects.push(project);
    return project;
  }

  project(slug: string): FleetProject {
    const project = this.projects.find((each) => each.slug === slug);
    if (project === undefined) throw new Error(`no project ${slug}`);
    return project;
  }

  /** As an operator gives a project another maintenance window, or none. */
  async setWindow(slug: string, maintenanceWindow: MaintenanceWindow | null): Promise<void> {
    const projects = new ProjectRepository(this.dataSource);
    await this.transactions.run(async (transaction) => {
      const before = await projects.getForUpdate(this.project(slug).id, transaction);
      const { id, name, labels } = before;
      await projects.update(id, { name, labels, schemaPin: null, maintenanceWindow }, transaction);
    });
  }

  /** A worker in this process that runs rollouts and nothing else. */
  async startWorker(
    steps: readonly SchemaStep[],
    options: { leaseMs?: number; onMoment?: OnRolloutMoment; publicDataUrl?: string } = {},
  ): Promise<FleetWorker> {
    const { publicDataUrl, ...rest } = options;
    const logger = createLogger({ logLevel: process.env['LOG_LEVEL'] ?? 'silent', logFormat: 'json' }, 'worker');
    const admins = new ClusterAdmins(this.control.url, async () => loginOf(new URL(this.tenantServer)));
    const rollouts = await startRollouts({
      config: {
        ...loadConfig({}),
        databaseUrl: this.control.url,
        ...(publicDataUrl === undefined ? {} : { publicDataUrl }),
      },
      dataSource: this.dataSource,
      undurable: this.dataSource,
      admins,
      keyProvider: masterKeyProvider(randomBytes(32)),
      steps,
      logger,
      workerId: `test:${randomBytes(4).toString('hex')}`,
      ...rest,
    });
    const loop = new ReconcilerLoop(rollouts.reconciler, logger);
    loop.wake();
    const worker = {
      close: async () => {
        await Promise.all([loop.close(), rollouts.close()]);
        await admins.close();
      },
    };
    this.workers.push(worker);
    return worker;
  }

  async stopWorkers(): Promise<void> {
    await Promise.all(this.workers.splice(0).map((worker) => worker.close()));
  }

  /** A worker in a process of its own; see rollout-child.mjs. */
  spawnWorker(synthetic: readonly SyntheticMigration[], settings: Record<string, string> = {}): ChildProcess {
    const child = spawn(process.execPath, [path.resolve('test/integration/rollout-child.mjs')], {
      env: { ...process.env, DATABASE_URL: this.control.url, MIGRATIONS: this.written(synthetic), ...settings },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.children.push(child);
    return child;
  }

  /** A file that holds the migrations: there may be more than the environment takes. */
  private written(synthetic: readonly SyntheticMigration[]): string {
    writeFileSync(this.migrationsFile, JSON.stringify(synthetic));
    return this.migrationsFile;
  }

  /** A planned rollout to the last of the steps. */
  async plan(target: number, plan: Partial<RolloutPlan> = {}): Promise<string> {
    const id = newId('rol');
    await this.transactions.run((transaction) =>
      this.requests.insert({ id, targetVersion: target, plan: aPlan(plan), createdBy: 'test' }, transaction),
    );
    return id;
  }

  async start(target: number, plan: Partial<RolloutPlan> = {}): Promise<string> {
    const id = await this.plan(target, plan);
    await this.move(id, 'planned', 'running');
    return id;
  }

  async move(id: string, from: RolloutState, to: RolloutState): Promise<void> {
    const moved = await this.transactions.run((transaction) =>
      this.requests.move(id, { from: [from], to }, transaction),
    );
    if (moved === undefined) throw new Error(`rollout ${id} is not ${from}`);
  }

  resume = (id: string): Promise<void> => this.move(id, 'paused', 'running');

  async retry(id: string, projects?: readonly string[]): Promise<void> {
    await this.transactions.run(async (transaction) => {
      await this.requests.getForUpdate(id, transaction);
      await this.requests.retry(id, projects, transaction);
    });
  }

  async skip(id: string, projects: readonly string[], reason: string): Promise<void> {
    await this.transactions.run(async (transaction) => {
      await this.requests.getForUpdate(id, transaction);
      await this.requests.skip(id, projects, reason, transaction);
    });
  }

  get(id: string): Promise<RequestedRollout> {
    return this.requests.get(id);
  }

  /** The rollout when it has come to this state; an error when it ends in another one, with the reason. */
  reached(id: string, state: RolloutState, withinMs?: number): Promise<RequestedRollout> {
    const last: readonly RolloutState[] = ['paused', 'aborted', 'succeeded'];
    return this.until(
      `rollout ${id} is ${state}`,
      async () => {
        const rollout = await this.get(id);
        if (rollout.state === state) return rollout;
        if (last.includes(rollout.state) && last.includes(state)) {
          throw new Error(`the rollout is ${rollout.state}: ${JSON.stringify(rollout.reason)}`);
        }
        return undefined;
      },
      withinMs,
    );
  }

  /** The rows of the rollout's projects, by slug. */
  async rows(id: string): Promise<Record<string, ProjectRow>> {
    const rows = await this.dataSource.query<ProjectRow[]>(
      `SELECT rp.project_id AS "projectId", p.slug, rp.wave, rp.state, rp.attempts, rp.error,
              rp.error_fingerprint AS "errorFingerprint", rp.skip_reason AS "skipReason", rp.waits_for AS "waitsFor",
              rp.due_at AS "dueAt", rp.backfill, rp.backfill_rows AS "backfillRows", rp.from_version AS "fromVersion",
              rp.to_version AS "toVersion", rp.found_version AS "foundVersion", t.schema_version AS "schemaVersion"
         FROM rollout_project rp JOIN project p ON p.id = rp.project_id
         JOIN tenant_database t ON t.project_id = p.id AND t.state IN ('building', 'claimed')
        WHERE rp.rollout_id = $1 ORDER BY p.slug`,
      [id],
    );
    return Object.fromEntries(rows.map((row) => [row.slug, row]));
  }

  /** How many projects are in each state. */
  async counts(id: string): Promise<Record<string, number>> {
    const states = Object.values(await this.rows(id)).map(({ state }) => state);
    return Object.fromEntries(
      [...new Set(states)].toSorted().map((state) => [state, states.filter((s) => s === state).length]),
    );
  }

  async waves(
    id: string,
  ): Promise<{ state: string; health: { note?: string; exceeded: string[]; smoke: { note?: string } } | null }[]> {
    return this.dataSource.query('SELECT state, health FROM rollout_wave WHERE rollout_id = $1 ORDER BY position', [
      id,
    ]);
  }

  /** Runs statements in a project's database as its owner; the texts are a test's own. */
  async inTenant<Row extends object = Record<string, unknown>>(
    { databaseName }: Pick<FleetProject, 'databaseName'>,
    ...texts: string[]
  ): Promise<Row[]> {
    const tenant = await this.connect(databaseName);
    try {
      let rows: Row[] = [];
      for (const text of texts) rows = await tenant.query<Row>(compiledSql({ text, values: [] }));
      return rows;
    } finally {
      await tenant.close();
    }
  }

  /** A connection into a tenant database as its owner; close it. */
  connect(databaseName: string): Promise<OwnedConnection> {
    const url = new URL(this.tenantServer);
    url.pathname = `/${databaseName}`;
    return connectOnce(url.href);
  }

  /** What is in each tenant database: its recorded schema and how often each counted step ran. */
  async truth(): Promise<{ slug: string; versions: number[]; steps: number[] }[]> {
    return Promise.all(
      this.projects.map(async ({ slug, databaseName }) => {
        const tenant = await this.connect(databaseName);
        try {
          const versions = (await appliedSchema(tenant)).map(({ version }) => version);
          const [table] = await tenant.query<{ present: boolean }>(
            sql`SELECT to_regclass('step_log') IS NOT NULL AS present`,
          );
          const steps =
            table?.present === true
              ? await tenant.query<{ step: number }>(sql`SELECT step FROM step_log ORDER BY step`)
              : [];
          return { slug, versions, steps: steps.map(({ step }) => step) };
        } finally {
          await tenant.close();
        }
      }),
    );
  }

  /** Lets the leases of dead workers run out now. */
  async expireLeases(): Promise<void> {
    await this.dataSource.query(
      `UPDATE rollout SET lease_expires_at = now() - interval '1 s' WHERE lease_owner IS NOT NULL`,
    );
  }

  /** Looks at every change that is announced, and twenty times a second, until there is something. */
  async until<T>(what: string, look: () => Promise<T | undefined>, withinMs = 45_000): Promise<T> {
    const giveUpAt = performance.now() + withinMs;
    for (;;) {
      let announced!: () => void;
      const change = new Promise<void>((resolve) => (announced = resolve));
      this.watchers.add(announced);
      const timer = setTimeout(announced, 50);
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
}
