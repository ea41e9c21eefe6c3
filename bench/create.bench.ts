import { withEnvironment } from './environment.js';
import { startFloor } from './floor.js';
import { load, type LoadResult } from './load.js';
import { median, publish, round } from './report.js';
import { patient, seededRandom } from './seeded-resources.js';

const ROUNDS = 3;
const CONNECTIONS = 16;
const SECONDS = 6;
const TENANT_CONNECTIONS = [2, 4] as const;
/** More creates than the floor can do in one round, its warm-up included. */
const FLOOR_STATEMENTS = 40_000;

/** Creates of one Patient each, validation and audit on, beside bare node:http + pg running the same finished statements. */
export async function benchCreate(): Promise<void> {
  await withEnvironment(async ({ platform, urlOf, tenantDatabaseOf }) => {
    const ours: LoadResult[] = [];
    const floors = new Map<number, LoadResult[]>(TENANT_CONNECTIONS.map((connections) => [connections, []]));
    const random = seededRandom(1);
    const bodies = Array.from({ length: 500 }, (_, index) => JSON.stringify(patient(random, index)));
    const options = { connections: CONNECTIONS, seconds: SECONDS, expected: 201 };
    // Each measurement has a fresh database, since an index grows dearer with its size.
    for (let round = 0; round < ROUNDS; round++) {
      for (const [connections, results] of floors) {
        const project = await platform.createProject(`floor-${connections}-${round}`);
        const databaseUrl = urlOf(await tenantDatabaseOf(project.id));
        const floor = await startFloor({ databaseUrl, connections, creates: FLOOR_STATEMENTS });
        const requests = bodies.map((body) => ({ method: 'POST' as const, path: '/fhir/R4/Patient', body }));
        results.push(await load(floor.url, requests, options));
        await floor.stop();
      }
      const project = await platform.createProject(`bench-create-${round}`);
      const headers = {
        authorization: `Bearer ${await platform.clientToken(project)}`,
        'content-type': 'application/fhir+json',
      };
      const path = `/p/${project.slug}/fhir/R4/Patient`;
      ours.push(
        await load(
          platform.dataUrl,
          bodies.map((body) => ({ method: 'POST', path, headers, body })),
          options,
        ),
      );
    }

    const rate = (results: readonly LoadResult[]): number => median(results.map((result) => result.requestsPerSecond));
    const row = (what: string, results: readonly LoadResult[]) => ({
      what,
      'creates/s': round(rate(results)),
      'p50 ms': round(median(results.map((result) => result.p50Ms))),
      'p99 ms': round(median(results.map((result) => result.p99Ms))),
    });
    const best = Math.max(...[...floors.values()].map(rate));
    const ratio = rate(ours) / best;
    await publish({
      name: 'create',
      floor: `bare node:http + pg, same statements, best of ${TENANT_CONNECTIONS.join(' and ')} connections`,
      ratio,
      rows: [
        row('Boxyard', ours),
        ...[...floors].map(([connections, results]) => row(`node:http + pg, ${connections} connections`, results)),
      ],
      checks: { create: { measured: `${ratio.toFixed(2)} of the floor`, limit: '≥ 0.6', holds: ratio >= 0.6 } },
    });
  });
}
