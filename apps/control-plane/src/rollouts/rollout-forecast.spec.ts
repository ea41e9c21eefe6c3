import type { RolloutCandidate } from '#control-database';
import { crampedClusters, emptyWaves, forecastRollout } from './rollout-forecast.js';

const now = new Date('2026-11-21T12:00:00Z');
const candidate = (projectId: string, more: Partial<RolloutCandidate> = {}): RolloutCandidate => ({
  ...{ projectId, slug: `slug-${projectId}`, state: 'active', labels: {}, schemaVersion: 1, isBusy: false },
  ...{ clusterId: 'cl_1', clusterName: 'default', region: null },
  ...{ schemaPin: null, schemaPinUntil: null, schemaPinReason: null, maintenanceWindow: null },
  ...more,
});

test('says who goes when, who is there already, who is left out and who waits', () => {
  const { waves, skipped } = forecastRollout(
    { waves: [{ label: 'ring:canary' }], verify: false },
    2,
    [
      candidate('a', { labels: { ring: 'canary' } }),
      candidate('b', { labels: { ring: 'canary' }, schemaVersion: 2 }),
      candidate('c', { schemaPin: 1, schemaPinReason: 'audit' }),
      candidate('d', { maintenanceWindow: { days: [], from: '22:00', until: '04:00' } }),
      candidate('e', { isBusy: true }),
      candidate('f', { state: 'archived' }),
    ],
    now,
  );
  expect(waves.map(({ selector, counts }) => ({ selector, counts }))).toEqual([
    { selector: { label: 'ring:canary' }, counts: { pending: 1, running: 0, done: 1, failed: 0, skipped: 0 } },
    { selector: null, counts: { pending: 2, running: 0, done: 0, failed: 0, skipped: 1 } },
  ]);
  expect(waves.map(({ waits }) => waits)).toEqual([0, 2]);
  expect(waves[1]!.pending.map(({ candidate, admission }) => [candidate.projectId, admission])).toEqual([
    ['d', { verdict: 'wait', for: 'window', until: new Date('2026-11-21T22:00:00Z') }],
    ['e', expect.objectContaining({ verdict: 'wait', for: 'operation' })],
  ]);
  expect(skipped.map(({ candidate, admission }) => [candidate.projectId, admission])).toEqual([
    ['c', { verdict: 'skip', reason: 'Pinned to schema 1: audit' }],
    ['f', { verdict: 'skip', reason: 'The project is archived.' }],
  ]);
});

test('tells of waves in which nothing would be tried', () => {
  const fleet = [candidate('a', { labels: { ring: 'canary' }, schemaVersion: 2 }), candidate('b')];
  const notes = (...waves: { label: string }[]) => emptyWaves(forecastRollout({ waves, verify: false }, 2, fleet, now));
  expect(notes({ label: 'ring:canray' })).toEqual(['Wave 0 takes no project, so nothing is tried in it.']);
  expect(notes({ label: 'ring:canary' })).toEqual([
    'Wave 0 has nothing to migrate (1 have the schema, 0 are left out), so it passes without being judged.',
  ]);
  expect(emptyWaves(forecastRollout({ waves: [{ percent: 100 }], verify: false }, 2, fleet, now))).toEqual([]);
});

test('counts those that are looked into as pending, behind those that are migrated, and says what that proves', () => {
  const pinned = { schemaPin: 1, schemaPinReason: 'audit' };
  const fleet = [
    candidate('a', { schemaVersion: 2 }),
    candidate('b'),
    candidate('c', { schemaVersion: 2, ...pinned }),
    candidate('d', pinned),
    candidate('e', { schemaVersion: 2, labels: { ring: 'canary' } }),
    candidate('f', { schemaVersion: 2, state: 'archived' }),
  ];
  const forecast = forecastRollout({ waves: [{ label: 'ring:canary' }], verify: true }, 2, fleet, now);
  expect(
    forecast.waves.map(({ counts, verifies, pending }) => ({
      ...{ pending: counts.pending, done: counts.done, skipped: counts.skipped, verifies },
      order: pending.map(({ candidate: { projectId } }) => projectId).join(''),
    })),
  ).toEqual([
    { pending: 1, done: 0, skipped: 0, verifies: 1, order: 'e' },
    { pending: 3, done: 0, skipped: 1, verifies: 2, order: 'bac' },
  ]);
  expect(emptyWaves(forecast)).toEqual([
    'Wave 0 has nothing to migrate as far as is known (1 are looked into, 0 are left out); unless one is found behind, it passes without being judged.',
  ]);
});

test('tells of clusters that keep too few connections for the plan, when something is to be migrated there', () => {
  const fleet = [
    candidate('a'),
    candidate('b', { clusterId: 'cl_2' }),
    candidate('c', { clusterId: 'cl_3', schemaVersion: 2 }),
  ];
  const forecast = forecastRollout({ waves: [], verify: false }, 2, fleet, now);
  const clusters = [
    { id: 'cl_1', name: 'roomy', reservedConnections: 22 },
    { id: 'cl_2', name: 'tight', reservedConnections: 21 },
    { id: 'cl_3', name: 'done', reservedConnections: 0 },
  ];
  expect(crampedClusters(forecast, { parallelPerCluster: 4 }, clusters)).toEqual([
    'On cluster tight no more than 3 at a time, not 4: of its connections it keeps 21 from data planes, and those are for other work too.',
  ]);
  expect(crampedClusters(forecast, { parallelPerCluster: 3 }, clusters)).toEqual([]);
});
