/** An installation of its own whose every part can be made to fail while rollouts run over it. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { RolloutPlan } from '#control-database';
import { openOperationQueue, type OperationQueue } from '#operations';
import { newId } from '#platform';
import { compiledSql, type EmbeddedPostgres, startEmbeddedPostgres } from '#postgres';
import { freePort, type RedisServer, type SeededRandom, startRedis } from '#testing';
import { schemaDescription } from '#tenant-schema';
import { lasting } from './rollout-faults-steps.fixture.js';
import { RolloutFleet, type SyntheticMigration } from './rollout-fleet.fixture.js';
import { endChild, lineWith } from './worker.fixture.js';

interface Fault {
  /** How often it is to come, beside the others. */
  readonly weight: number;
  inject(): Promise<unknown>;
}

/** A worker that is stopped for so long loses its lease, and PostgreSQL ends those of its connections that hold locks. */
const longStopMs = 12_500;

export class FaultyInstallation {
  /** Those that run; one that stands still for long is not among them. */
  readonly workers: ChildProcess[] = [];
  private readonly children: ChildProcess[] = [];
  /** What a worker that stood still went on holding. */
  readonly heldTooLong: string[] = [];
  private readonly asked: string[] = [];
  private readonly login = {
    user: `rollout_${randomBytes(6).toString('hex')}`,
    password: randomBytes(12).toString('hex'),
  };
  private standing: Promise<void> = Promise.resolve();
  /** Whoever asks the control database and whoever restarts it take turns. */
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly dataDir: string,
    private readonly port: number,
    private server: EmbeddedPostgres,
    private readonly sharedServer: string | undefined,
    private redis: RedisServer | undefined,
    private readonly queue: OperationQueue,
    private readonly fleet: RolloutFleet,
    private readonly synthetic: readonly SyntheticMigration[],
  ) {}

  static async open(projects: number, synthetic: readonly SyntheticMigration[]): Promise<FaultyInstallation> {
    const dataDir = mkdtempSync(path.join(tmpdir(), 'boxyard-rollout-faults-'));
    chmodSync(dataDir, 0o755);
    const port = await freePort();
    const server = await startServer(dataDir, port);
    const sharedServer = process.env['BOXYARD_TEST_POSTGRES'];
    process.env['BOXYARD_TEST_POSTGRES'] = server.url;
    const redis = await startRedis();
    const fleet = await RolloutFleet.open(projects);
    await fleet.dataSource.query('CREATE TABLE job_log (operation_id text NOT NULL)');
    const queue = await openOperationQueue({
      databaseUrl: fleet.control.url,
      ...(redis === undefined ? {} : { redisUrl: redis.url }),
      // It breaks when it is told to.
      onError: () => undefined,
    });
    const installation = new FaultyInstallation(
      ...([dataDir, port, server, sharedServer, redis, queue, fleet, synthetic] as const),
    );
    const { user, password } = installation.login;
    const text = `CREATE ROLE ${user} SUPERUSER LOGIN PASSWORD '${password}'`;
    await fleet.admin.query(compiledSql({ text, values: [] }));
    return installation;
  }

  async close(): Promise<void> {
    await Promise.all(this.children.map((child) => endChild(child, 'SIGKILL')));
    await this.queue.close().catch(() => undefined);
    await this.fleet.closeAfterCrash();
    process.env['BOXYARD_TEST_POSTGRES'] = this.sharedServer;
    await this.redis?.stop();
    await this.server.stop();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  async startWorkers(count: number): Promise<void> {
    for (let number = 0; number < count; number++) this.workers.push(await this.newWorker());
  }

  /** Brings the fleet to the target; rejects when it does not come there by itself. */
  async rollOut(target: number, plan: Partial<RolloutPlan>): Promise<void> {
    const { fleet } = this;
    const id = await this.asking(() => fleet.start(target, plan));
    const giveUpAt = performance.now() + 180_000;
    for (;;) {
      const { state, reason } = await this.asking(() => fleet.get(id));
      if (state === 'succeeded') break;
      if (state !== 'running') throw new Error(`the rollout is ${state}: ${JSON.stringify(reason)}`);
      if (performance.now() > giveUpAt) {
        throw new Error(`the rollout stands still: ${JSON.stringify(await this.asking(() => fleet.rows(id)))}`);
      }
      await pause(50);
    }
    const counts = await this.asking(() => fleet.counts(id));
    if (counts['done'] !== fleet.projects.length) throw new Error(`not all are done: ${JSON.stringify(counts)}`);
  }

  /** Waits for what stands still, and until every operation has ended. */
  async calmDown(): Promise<void> {
    await this.standing;
    await this.fleet.until('every operation has ended', async () => {
      const left = await this.fleet.dataSource.query(`SELECT FROM operation WHERE state IN ('queued', 'running')`);
      return left.length === 0 ? true : undefined;
    });
  }

  /** The operations that were asked for, and those that have run, as often as they did. */
  async jobs(): Promise<{ asked: string[]; logged: string[] }> {
    const logged = await this.fleet.dataSource.query<{ id: string }[]>('SELECT operation_id AS id FROM job_log');
    return { asked: this.asked.toSorted(), logged: logged.map(({ id }) => id).toSorted() };
  }

  /** What is in each tenant database. */
  async truth() {
    const truth = await this.fleet.truth();
    return Promise.all(
      truth.map(async (each) => {
        const tenant = await this.fleet.connect(this.fleet.project(each.slug).databaseName);
        try {
          const { fingerprint } = await schemaDescription(tenant);
          const run = <Row extends object>(text: string) => tenant.query<Row>(compiledSql({ text, values: [] }));
          const tables = await run<{ name: string }>(
            `SELECT relname AS name FROM pg_class WHERE relname LIKE 'filled\\_%' AND relkind = 'r'`,
          );
          const rows =
            tables.map(({ name }) => `SELECT times FROM ${name}`).join(' UNION ALL ') || 'SELECT 1 AS times LIMIT 0';
          const [found] = await run<{ unfinishedIndexes: number; filledOnce: number; rest: number }>(
            `SELECT (SELECT count(*)::integer FROM pg_index WHERE NOT indisvalid) AS "unfinishedIndexes",
                    (count(*) FILTER (WHERE times = 1))::integer AS "filledOnce",
                    (count(*) FILTER (WHERE times <> 1))::integer AS rest FROM (${rows}) AS filled`,
          );
          return { ...each, fingerprint, found };
        } finally {
          await tenant.close();
        }
      }),
    );
  }

  /** Which schemas the control database knows of. */
  async recordedVersions(): Promise<number[]> {
    const rows = await this.fleet.dataSource.query<{ version: number }[]>(
      `SELECT DISTINCT schema_version AS version FROM tenant_database WHERE state = 'claimed'`,
    );
    return rows.map(({ version }) => version);
  }

  /** What can happen, by chance. One at a time is injected. */
  faults(random: SeededRandom): Readonly<Record<string, Fault>> {
    const query = (text: string, values: unknown[] = []) =>
      this.asking(() => this.fleet.dataSource.query(text, values));
    const terminate = (which: string): Promise<unknown> =>
      query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1 AND ${which}`, [
        this.login.user,
      ]);
    const faults: Record<string, Fault> = {
      'a worker is killed': { weight: 1, inject: () => this.kill(random) },
      'a worker stands still': {
        weight: 3,
        inject: async () => {
          const worker = await this.anyWorker(random);
          worker.kill('SIGSTOP');
          // Long enough, at times, for its lease to end.
          await pause(random.below(1_500));
          worker.kill('SIGCONT');
        },
      },
      'an event loop is blocked': {
        weight: 2,
        inject: async () => (await this.anyWorker(random)).kill('SIGUSR2'),
      },
      'connections into tenant databases break': {
        weight: 3,
        // Those of a worker that stands still are to end by themselves.
        inject: () => terminate(`datname LIKE 'fleet%' AND clock_timestamp() - state_change < interval '1 s'`),
      },
      'connections to the control database break': {
        weight: 3,
        inject: () => terminate(`datname NOT LIKE 'fleet%' AND random() < 0.5`),
      },
      'a lease ends early': {
        weight: 3,
        inject: () => query('UPDATE rollout SET lease_expires_at = now() WHERE lease_owner IS NOT NULL'),
      },
      'a wake-up comes twice': {
        weight: 3,
        inject: () => query(`UPDATE rollout SET reason = reason WHERE state = 'running'`),
      },
      'PostgreSQL crashes': { weight: 1, inject: () => this.restart(() => this.crash()) },
      'PostgreSQL is restarted': { weight: 1, inject: () => this.restart(() => this.server.stop()) },
      'a job comes twice': { weight: 2, inject: () => this.askTwice(random) },
      'a job is lost': { weight: 2, inject: () => this.askInSilence(random) },
    };
    if (this.redis !== undefined) {
      faults['Redis is restarted and has forgotten everything'] = { weight: 1, inject: () => this.restartRedis() };
    }
    const long = 'a worker stands still for longer than anybody waits for it';
    faults[long] = { weight: 1, inject: () => this.stopForLong(random) };
    return faults;
  }

  private async newWorker(): Promise<ChildProcess> {
    const url = new URL(this.fleet.control.url);
    // Its connections can be told from the test's.
    [url.username, url.password] = [this.login.user, this.login.password];
    const child = this.fleet.spawnWorker(this.synthetic, {
      DATABASE_URL: url.href,
      LEASE_MS: '900',
      JOBS: 'yes',
      ...(this.redis === undefined ? {} : { REDIS_URL: this.redis.url }),
    });
    this.children.push(child);
    await lineWith(child, 'running');
    return child;
  }

  /** The one that drives a rollout at the moment, more often than not. */
  private async anyWorker(random: SeededRandom): Promise<ChildProcess> {
    const [rollout] = await this.asking(() =>
      this.fleet.dataSource.query<{ owner: string }[]>(
        `SELECT lease_owner AS owner FROM rollout WHERE state = 'running' AND lease_owner IS NOT NULL`,
      ),
    );
    const driver = this.workers.find(({ pid }) => rollout?.owner === `child:${pid}`);
    return driver !== undefined && random.chance(0.7) ? driver : random.pick(this.workers);
  }

  private async kill(random: SeededRandom): Promise<void> {
    const worker = await this.anyWorker(random);
    this.workers.splice(this.workers.indexOf(worker), 1);
    const gone = once(worker, 'exit');
    worker.kill('SIGKILL');
    await gone;
    this.workers.push(await this.newWorker());
  }

  /** In the middle of a step, if one comes soon. Others go on meanwhile, and other faults come. */
  private async stopForLong(random: SeededRandom): Promise<void> {
    await this.standing;
    let owners: (string | undefined)[] = [];
    for (let look = 0; look < 400 && owners.length === 0; look++) {
      const rows = await this.asking(() =>
        this.fleet.dataSource.query<{ owner: string }[]>(
          `SELECT r.lease_owner AS owner FROM rollout r WHERE r.state = 'running' AND r.lease_owner IS NOT NULL
              AND EXISTS (SELECT FROM pg_stat_activity a WHERE a.usename = $1 AND a.datname LIKE 'fleet%'
                             AND a.query = '${lasting}' AND a.state = 'active')`,
          [this.login.user],
        ),
      );
      owners = rows.map(({ owner }) => owner);
      if (owners.length === 0) await pause(10);
    }
    const worker = this.workers.find(({ pid }) => owners.includes(`child:${pid}`)) ?? random.pick(this.workers);
    this.workers.splice(this.workers.indexOf(worker), 1);
    worker.kill('SIGSTOP');
    this.standing = pause(longStopMs).then(async () => {
      this.heldTooLong.push(...(await this.asking(() => this.heldSilently())));
      worker.kill('SIGCONT');
      this.workers.push(worker);
    });
  }

  /**
   * Tenant databases in which a worker holds locks though it has sent nothing for longer than it may. Every transaction
   * holds a lock on itself, which keeps nobody waiting: also one that has only begun, before it has set its limits.
   */
  private async heldSilently(): Promise<string[]> {
    const rows = await this.fleet.dataSource.query<{ held: string }[]>(
      `SELECT a.datname || ': ' || a.query AS held FROM pg_stat_activity a
        WHERE a.usename = $1 AND a.datname LIKE 'fleet%' AND clock_timestamp() - a.state_change > interval '11 s'
          AND a.state LIKE 'idle%' AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype <> 'virtualxid')`,
      [this.login.user],
    );
    return rows.map(({ held }) => held);
  }

  /** The server ends at once, without writing anything down. */
  private async crash(): Promise<void> {
    const [pid] = readFileSync(path.join(this.dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n');
    process.kill(Number(pid), 'SIGQUIT');
    await this.server.exited;
  }

  private async restart(end: () => Promise<void>): Promise<void> {
    // What it holds is to be released by itself.
    await this.standing;
    await this.asking(async () => {
      await end();
      this.server = await startServer(this.dataDir, this.port);
    });
  }

  private async restartRedis(): Promise<void> {
    const { port } = new URL(this.redis!.url);
    await this.redis!.stop();
    this.redis = await startRedis(Number(port));
  }

  /** An operation whose hint comes three times. */
  private async askTwice(random: SeededRandom): Promise<void> {
    const id = await this.ask(random, '');
    // While Redis comes back the hint is lost, which is a fault like any other.
    for (let time = 0; time < 3; time++) await this.queue.wake(id).catch(() => undefined);
  }

  /** An operation of which nobody is told: neither a hint nor the notification of its commit comes. */
  private async askInSilence(random: SeededRandom): Promise<void> {
    await this.ask(random, 'SET LOCAL session_replication_role = replica');
  }

  private async ask(random: SeededRandom, before: string): Promise<string> {
    const id = newId('op');
    const project = random.pick(this.fleet.projects);
    await this.asking(() =>
      this.fleet.dataSource.transaction(async (manager) => {
        if (before !== '') await manager.query(before);
        const rows: unknown[] = await manager.query(
          `INSERT INTO operation (id, kind, project_id, created_by) VALUES ($1, 'project.delete', $2, 'test')
           ON CONFLICT (project_id) WHERE state IN ('queued', 'running') DO NOTHING RETURNING id`,
          [id, project.id],
        );
        if (rows.length > 0) this.asked.push(id);
      }),
    );
    return id;
  }

  private asking<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }
}

/** Waits for the disk as in production: what a crash may take back is part of what is tested. */
const startServer = (dataDir: string, port: number): Promise<EmbeddedPostgres> =>
  startEmbeddedPostgres({ dataDir, port, log: { info: () => undefined, warn: () => undefined } });
