import type { RolloutForecast, RolloutPlan } from '../api/answers.js';
import { forecastLines } from './forecast.view.js';

const plan: RolloutPlan = {
  ...{ waves: [], parallel: 4, parallelPerCluster: 4, pauseBetweenWaves: 'PT0S', attempts: 5 },
  abortOn: { failedProjects: 1, failedPercent: 100, errorRateIncreasePct: 50, p95IncreasePct: 50 },
  ...{ onExceeded: 'pause', verify: false },
  health: { window: 'PT1M', minRequests: 50, smokeProjects: 3 },
};

test('a dry run counts all projects of a wave that would wait, of which only some are named', () => {
  const counts = { pending: 500, running: 0, done: 7, failed: 0, skipped: 1 };
  const projects = Array.from({ length: 20 }, (_, place) => ({ slug: `quay-${place}` }));
  const forecast: RolloutForecast = {
    ...{ target: 3, notes: [], plan, counts, skipped: [], migrations: [] },
    waves: [{ position: 0, selector: null, counts, verifies: 0, waits: 300, projects }],
  };
  const lines = forecastLines(forecast);
  expect(lines.find((line) => line.startsWith('WAVE'))).toMatch(/MIGRATES +UP TO DATE +SKIPS +WAIT +PROJECTS/);
  expect(lines.find((line) => /^ *0 /.test(line))).toMatch(/ 500 +7 +1 +300 +quay-0, quay-1, quay-2, and 497 more/);
});
