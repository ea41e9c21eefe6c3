import fc from 'fast-check';
import { planWaves, type WaveCandidate } from './plan-waves.js';
import type { WaveSelector } from './rollout-plan.js';

const project = (projectId: string, rest: Partial<WaveCandidate> = {}): WaveCandidate => ({
  projectId,
  labels: {},
  clusterId: 'cl_1',
  clusterName: 'one',
  region: null,
  ...rest,
});
const many = (count: number): WaveCandidate[] => Array.from({ length: count }, (_, index) => project(`p${index}`));
const sizes = (projects: WaveCandidate[], selectors: WaveSelector[]): number[] =>
  planWaves(projects, selectors).map(({ projectIds }) => projectIds.length);

describe('a wave takes', () => {
  test('the projects with its label, whose value may hold a colon', () => {
    const projects = [
      project('a', { labels: { ring: 'canary' } }),
      project('b', { labels: { ring: 'canary:2' } }),
      project('c', { labels: { other: 'canary' } }),
    ];
    expect(planWaves(projects, [{ label: 'ring:canary' }, { label: 'ring:canary:2' }])).toEqual([
      { selector: { label: 'ring:canary' }, projectIds: ['a'] },
      { selector: { label: 'ring:canary:2' }, projectIds: ['b'] },
      { selector: null, projectIds: ['c'] },
    ]);
  });

  test('the projects of its cluster, by id or by name, and of its region', () => {
    const projects = [
      project('a'),
      project('b', { clusterId: 'cl_2', clusterName: 'two', region: 'eu' }),
      project('c', { clusterId: 'cl_3', clusterName: 'three', region: 'eu' }),
    ];
    expect(planWaves(projects, [{ cluster: 'one' }, { cluster: 'cl_3' }, { region: 'eu' }])).toMatchObject([
      { projectIds: ['a'] },
      { projectIds: ['c'] },
      { projectIds: ['b'] },
    ]);
  });

  test('its percentage of the whole fleet, the waves before it counted in, rounded up', () => {
    expect(sizes(many(200), [{ percent: 2 }, { percent: 10 }, { percent: 100 }])).toEqual([4, 16, 180]);
    expect(sizes(many(3), [{ percent: 1 }, { percent: 50 }])).toEqual([1, 1, 1]);
    expect(sizes(many(10), [{ projects: ['p1', 'p2', 'p3'] }, { percent: 20 }])).toEqual([3, 0, 7]);
  });

  test('those it names, and only ones that exist', () => {
    expect(planWaves(many(2), [{ projects: ['p1', 'gone'] }])).toMatchObject([
      { projectIds: ['p1'] },
      { projectIds: ['p0'] },
    ]);
  });
});

test('a plan without selectors is one wave, and of nobody none', () => {
  expect(sizes(many(3), [])).toEqual([3]);
  expect(planWaves([], [{ percent: 10 }])).toEqual([{ selector: { percent: 10 }, projectIds: [] }]);
  expect(planWaves([], [])).toEqual([]);
});

describe('whatever is asked for', () => {
  const selector: fc.Arbitrary<WaveSelector> = fc.oneof(
    fc.record({ percent: fc.integer({ min: 0, max: 100 }) }),
    fc.record({ label: fc.constantFrom('ring:0', 'ring:1') }),
    fc.record({ region: fc.constantFrom('eu', 'us') }),
    fc.record({ cluster: fc.constantFrom('one', 'two') }),
    fc.record({ projects: fc.array(fc.nat(60).map((index) => `p${index}`)) }),
  );
  const projects = fc.nat(50).map((count) =>
    many(count).map((each, index) =>
      project(each.projectId, {
        labels: { ring: String(index % 5) },
        clusterName: index % 2 === 0 ? 'one' : 'two',
        region: index % 3 === 0 ? 'eu' : null,
      }),
    ),
  );

  test('every project has exactly one wave, and the order in which projects come changes nothing', () => {
    fc.assert(
      fc.property(projects, fc.array(selector, { maxLength: 5 }), (all, selectors) => {
        const waves = planWaves(all, selectors);
        const placed = waves.flatMap(({ projectIds }) => projectIds);
        expect(placed.toSorted()).toEqual(all.map(({ projectId }) => projectId).toSorted());
        expect(planWaves(all.toReversed(), selectors)).toEqual(waves);
        expect(waves.slice(0, selectors.length).map(({ selector: of }) => of)).toEqual(selectors);
      }),
      { seed: 1 },
    );
  });
});
