import { requestedPlan, stoppingFailures } from './requested-plan.js';

const plan = (request: object) => requestedPlan(request, new Map([['quay', 'id-of-quay']]));

test('a request without anything is careful: a canary of 2 percent, stopped by the first failure', () => {
  expect(plan({})).toEqual({
    waves: [{ percent: 2 }, { percent: 10 }, { percent: 100 }],
    parallel: 4,
    parallelPerCluster: 4,
    pauseBetweenWavesMs: 0,
    attempts: 5,
    budget: { failedProjects: 0, failedPercent: 100, errorRateIncreasePct: 50, p95IncreasePct: 50 },
    onExceeded: 'pause',
    verify: false,
    health: { windowMs: 60_000, minRequests: 50, smokeProjects: 3 },
  });
});

test('the failure that stops a wave is one more than the wave may have', () => {
  const { budget } = plan({ abortOn: { failedProjects: 3 } });
  expect(budget.failedProjects).toBe(2);
  expect(stoppingFailures(budget)).toBe(3);
});

test('who gives only a share of failures is not stopped by the first one', () => {
  const { budget } = plan({ abortOn: { failedPercent: 5 } });
  expect(budget.failedPercent).toBe(5);
  expect(budget.failedProjects).toBeGreaterThan(1_000_000);
  expect(stoppingFailures(budget)).toBeNull();
});

test('selectors are taken over, projects by their ids and each once', () => {
  const waves = [{ label: 'ring:canary' }, { projects: ['quay', 'quay'] }, { cluster: 'default' }, { region: 'eu' }];
  expect(plan({ waves }).waves).toEqual([
    { label: 'ring:canary' },
    { projects: ['id-of-quay'] },
    { cluster: 'default' },
    { region: 'eu' },
  ]);
});

test('one cluster never gets more at a time than all of them together', () => {
  expect(plan({ parallel: 2, parallelPerCluster: 9 })).toMatchObject({ parallel: 2, parallelPerCluster: 2 });
  expect(plan({ parallel: 9, parallelPerCluster: 2 })).toMatchObject({ parallel: 9, parallelPerCluster: 2 });
});
