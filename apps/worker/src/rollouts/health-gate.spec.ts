import { randomBytes } from 'node:crypto';
import type { ClaimedRollout, WaveStanding } from '#control-database';
import { createLogger, seal, systemClock } from '#platform';
import { tenantPasswordContext } from '#tenancy';
import { measureHealth } from './health-gate.js';
import { Obstacles } from './obstacles.js';
import type { RolloutServices } from './rollout-services.js';

const logger = createLogger({ logLevel: 'silent', logFormat: 'json' }, 'worker');
const key = randomBytes(32);
/** Nobody listens there. */
const closedPort = 9;
const none = { requests: 0, serverErrors: 0, latency: [] };
const candidate = { projectId: 'p', slug: 'quay', fhirVersion: '4.0.1', clusterId: 'c' };

/** One migrated project, whose database is on a server that nobody can reach. */
const servicesAt = (port: number, inService: readonly string[]): RolloutServices =>
  ({
    traffic: {
      sumBefore: async () => none,
      sum: async () => none,
      smokeCandidates: async () => [candidate],
      listInService: async () => inService,
    },
    tenantDatabases: {
      findClaimed: async () => ({
        ...{ id: 'd', clusterId: 'c', databaseName: 'd', roleName: 'd', schemaVersion: 2 },
        passwordSealed: seal(key, 'secret', tenantPasswordContext('d')),
        wrappedKeys: { database: key, project: key },
      }),
    },
    clusters: { get: async () => ({ id: 'c', host: '127.0.0.1', port, sslMode: 'disable', sslCa: null }) },
    keyProvider: { unwrap: async () => key },
    dataPlane: { url: `http://127.0.0.1:${port}`, isConfigured: false },
    ...{ clock: systemClock, logger },
  }) as unknown as RolloutServices;

const rollout = {
  plan: {
    health: { windowMs: 0, minRequests: 20, smokeProjects: 1 },
    budget: { errorRateIncreasePct: 50, p95IncreasePct: 50 },
  },
} as ClaimedRollout;
const wave = { position: 0, settledAt: new Date() } as WaveStanding;

describe('a project whose server cannot be reached when the health of its wave is measured', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  test('is no verdict until that has lasted for five minutes', async () => {
    const obstacles = new Obstacles(logger);
    const services = servicesAt(closedPort, ['p']);
    expect(await measureHealth(services, obstacles, rollout, wave)).toBeUndefined();
    expect(obstacles.away()).toEqual(['c']);
    jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 300_000);
    const health = await measureHealth(services, obstacles, rollout, wave);
    expect(health).toMatchObject({
      smoke: { asked: 1, failed: [{ projectId: 'p', message: expect.stringContaining('ECONNREFUSED') }] },
      exceeded: ['1 of 1 projects do not answer.'],
    });
  });

  test('is not waited for when it is not in service any more', async () => {
    const health = await measureHealth(servicesAt(closedPort, []), new Obstacles(logger), rollout, wave);
    expect(health).toMatchObject({ smoke: { asked: 0, failed: [] }, exceeded: [] });
  });
});
