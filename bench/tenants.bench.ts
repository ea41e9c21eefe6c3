import { request, Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from '#postgres';
import { type CreatedProject, expectStatus } from '#testing';
import { type BenchEnvironment, withEnvironment } from './environment.js';
import { record } from './replay/recording.js';
import { startReplay } from './replay/replay.js';
import { median, percentile, publish, round } from './report.js';
import { seededRandom, zipf } from './seeded-resources.js';

const PROJECTS = Number(process.argv[3] ?? 1_000);
const CREATE_PARALLEL = 4;
const CLIENTS = 64;
const SECONDS = 30;

interface Target {
  path: string;
  authorization: string;
}

/**
 * A thousand projects and Zipf-distributed reads by 64 clients, beside bare node:http + pg serving the same statement
 * from one database. Samples the server's connections against the hard cap, and measures what an idle project costs.
 */
export async function benchTenants(): Promise<void> {
  await withEnvironment(async (environment) => {
    const { platform, control } = environment;
    const emptyRss = await restartedRss(environment);
    const projects = await createProjects(environment);
    const idleRss = await restartedRss(environment);
    const targets = await oneResourceEach(environment, projects);

    const ours = await zipfReads(platform.dataUrl, targets, () => connectionCount(environment));
    const { path, authorization } = targets[0] as Target;
    const database = await environment.tenantDatabaseOf((projects[0] as CreatedProject).id);
    const recorded = await record(platform, database, [{ path, headers: { authorization } }], 200);
    const floor = await startReplay(environment.urlOf(database), 4, recorded);
    const alone = await zipfReads(floor.url, [{ path: '/0', authorization }], async () => 0);
    await floor.stop();

    const [cap] = await control.query<{ cap: number }>(
      sql`SELECT max_connections - reserved_connections AS cap FROM cluster`,
    );
    const [size] = await control.query<{ bytes: string }>(sql`
      SELECT max(pg_database_size(database_name)) AS bytes FROM tenant_database WHERE state = 'spare'`);
    const perProject = (idleRss - emptyRss) / PROJECTS / 1024;
    const emptyMiB = Number(size?.bytes) / 1024 / 1024;
    await publish({
      name: 'tenants',
      floor: 'bare node:http + pg, same statement, one database',
      ratio: ours.requestsPerSecond / alone.requestsPerSecond,
      rows: [
        {
          what: `${PROJECTS} projects, Zipf`,
          'requests/s': round(ours.requestsPerSecond),
          'p50 ms': round(ours.p50),
          'p99 ms': round(ours.p99),
        },
        {
          what: 'bare, one database',
          'requests/s': round(alone.requestsPerSecond),
          'p50 ms': round(alone.p50),
          'p99 ms': round(alone.p99),
        },
      ],
      checks: {
        'hard cap of connections': {
          measured: `at most ${ours.mostConnections}`,
          limit: `${cap?.cap}`,
          holds: ours.mostConnections <= Number(cap?.cap),
        },
        'idle project in the data plane': {
          measured: `${perProject.toFixed(1)} KiB`,
          limit: '≤ 20 KiB',
          holds: perProject <= 20,
        },
        'empty tenant database': { measured: `${emptyMiB.toFixed(2)} MiB`, limit: '≤ 8 MiB', holds: emptyMiB <= 8 },
      },
    });
  });
}

/** The data plane's resident memory after a restart, when it has settled: bytes. */
async function restartedRss({ platform }: BenchEnvironment): Promise<number> {
  await platform.kill('data-plane', 'SIGTERM');
  await platform.start('data-plane');
  const samples: number[] = [];
  for (let sample = 0; sample < 10; sample++) {
    await delay(500);
    const metrics = await (await fetch(`${platform.dataUrl}/metrics`)).text();
    samples.push(Number(/^process_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1]));
  }
  return median(samples);
}

async function createProjects({ platform }: BenchEnvironment): Promise<CreatedProject[]> {
  const projects: CreatedProject[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: CREATE_PARALLEL }, async () => {
      while (next < PROJECTS) projects.push(await platform.createProject(`tenant-${next++}`));
    }),
  );
  return projects;
}

async function oneResourceEach({ platform }: BenchEnvironment, projects: readonly CreatedProject[]): Promise<Target[]> {
  const targets: Target[] = [];
  for (const project of projects) {
    const authorization = `Bearer ${await platform.clientToken(project)}`;
    const response = await fetch(`${project.baseUrl}fhir/R4/Patient`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/fhir+json' },
      body: '{"resourceType":"Patient","active":true}',
    });
    const { id } = (await expectStatus(response, 201)) as { id: string };
    targets.push({ path: `/p/${project.slug}/fhir/R4/Patient/${id}`, authorization });
  }
  return targets;
}

/** Connections to the projects' databases at this moment. Those of the worker to spares are none of a data plane's. */
async function connectionCount({ control }: BenchEnvironment): Promise<number> {
  const [row] = await control.query<{ count: number }>(sql`
    SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE datname IN (SELECT database_name FROM tenant_database WHERE state = 'claimed')`);
  return row?.count ?? 0;
}

async function zipfReads(
  url: string,
  targets: readonly Target[],
  connections: () => Promise<number>,
): Promise<{ requestsPerSecond: number; p50: number; p99: number; mostConnections: number }> {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const random = seededRandom(3);
  const pick = zipf(random, targets.length);
  const latencies: number[] = [];
  let mostConnections = 0;
  const until = performance.now() + SECONDS * 1000;
  const sampler = (async () => {
    while (performance.now() < until) {
      mostConnections = Math.max(mostConnections, await connections());
      await delay(200);
    }
  })();
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (performance.now() < until) {
        const target = targets[pick()] as Target;
        const started = performance.now();
        const status = await new Promise<number>((resolve, reject) => {
          const call = request(
            { hostname, port, agent, path: target.path, headers: { authorization: target.authorization } },
            (response) => {
              response.resume();
              response.on('end', () => resolve(response.statusCode ?? 0));
            },
          );
          call.on('error', reject);
          call.end();
        });
        if (status !== 200 && status !== 503) throw new Error(`${target.path} answered ${status}`);
        if (status === 200) latencies.push(performance.now() - started);
      }
    }),
  );
  await sampler;
  agent.destroy();
  return {
    requestsPerSecond: latencies.length / SECONDS,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    mostConnections,
  };
}
