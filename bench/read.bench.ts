import { expectStatus } from '#testing';
import { withEnvironment } from './environment.js';
import { startFloor } from './floor.js';
import { load, type LoadResult } from './load.js';
import { median, publish, round } from './report.js';
import { patient, seededRandom } from './seeded-resources.js';

const RESOURCES = 1_000;
const ROUNDS = 3;
const CONNECTIONS = 16;
const SECONDS = 6;
/** What the platform's broker gives one tenant; the floor is measured with the same and with twice as many. */
const TENANT_CONNECTIONS = [2, 4] as const;

/** Reads by id over HTTP with a bearer token, beside bare node:http + pg doing the same statement on the same database. */
export async function benchRead(): Promise<void> {
  await withEnvironment(async ({ platform, urlOf, tenantDatabaseOf }) => {
    const project = await platform.createProject('bench-read');
    const authorization = `Bearer ${await platform.clientToken(project)}`;
    const random = seededRandom(1);
    const ids: string[] = [];
    for (let index = 0; index < RESOURCES; index++) {
      const response = await fetch(`${project.baseUrl}fhir/R4/Patient`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/fhir+json' },
        body: JSON.stringify(patient(random, index)),
      });
      ids.push(((await expectStatus(response, 201)) as { id: string }).id);
    }

    const databaseUrl = urlOf(await tenantDatabaseOf(project.id));
    const platformRequests = ids.map((id) => ({
      path: `/p/bench-read/fhir/R4/Patient/${id}`,
      headers: { authorization },
    }));
    const floorRequests = ids.map((id) => ({ path: `/fhir/R4/Patient/${id}` }));
    const options = { connections: CONNECTIONS, seconds: SECONDS, expected: 200 };
    const ours: LoadResult[] = [];
    const floors = new Map<number, LoadResult[]>(TENANT_CONNECTIONS.map((connections) => [connections, []]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const [connections, results] of floors) {
        const floor = await startFloor({ databaseUrl, connections, creates: 0 });
        results.push(await load(floor.url, floorRequests, options));
        await floor.stop();
      }
      ours.push(await load(platform.dataUrl, platformRequests, options));
    }

    const rate = (results: readonly LoadResult[]): number => median(results.map((result) => result.requestsPerSecond));
    const row = (what: string, results: readonly LoadResult[]) => ({
      what,
      'requests/s': round(rate(results)),
      'p50 ms': round(median(results.map((result) => result.p50Ms))),
      'p99 ms': round(median(results.map((result) => result.p99Ms))),
    });
    const best = Math.max(...[...floors.values()].map(rate));
    await publish({
      name: 'read',
      floor: `bare node:http + pg, same statement, best of ${TENANT_CONNECTIONS.join(' and ')} connections`,
      ratio: rate(ours) / best,
      rows: [
        row('Boxyard', ours),
        ...[...floors].map(([connections, results]) => row(`node:http + pg, ${connections} connections`, results)),
      ],
      checks: {
        'read by id': {
          measured: `${(rate(ours) / best).toFixed(2)} of the floor`,
          limit: '≥ 0.7',
          holds: rate(ours) / best >= 0.7,
        },
      },
    });
  });
}
