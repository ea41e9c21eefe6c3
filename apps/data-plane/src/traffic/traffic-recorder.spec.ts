import { pino } from 'pino';
import type { ServedTraffic } from '#control-database';
import { TrafficCounters } from './traffic-counters.js';
import { TrafficRecorder } from './traffic-recorder.js';

/** A control database that is away as long as `isAway` says so. */
function recording() {
  const state = { isAway: false, written: [] as (readonly ServedTraffic[])[], warnings: [] as string[] };
  const counters = new TrafficCounters();
  const recorder = new TrafficRecorder({
    counters,
    replica: 'r',
    traffic: {
      record: async (_replica, served) => {
        if (state.isAway) throw new Error('away');
        state.written.push(served);
      },
    },
    logger: pino({ level: 'warn' }, { write: (line: string) => void state.warnings.push(line) }),
  });
  return { state, counters, recorder };
}

test('all projects with traffic are written together, and those without not at all', async () => {
  const { state, counters, recorder } = recording();
  await recorder.flush();
  counters.count('one', 200, 1);
  counters.count('other', 200, 1);
  await recorder.flush();
  await recorder.flush();
  expect(state.written.map((served) => served.map(({ projectId }) => projectId))).toEqual([['one', 'other']]);
});

test('while the control database is away nothing is lost, and operators are told once', async () => {
  const { state, counters, recorder } = recording();
  state.isAway = true;
  counters.count('one', 200, 1);
  await recorder.flush();
  counters.count('one', 200, 1);
  await recorder.flush();
  expect(state.warnings).toHaveLength(1);
  state.isAway = false;
  await recorder.flush();
  expect(state.written).toMatchObject([[{ projectId: 'one', requests: 2 }]]);
});

test('more projects than one statement takes are written by several', async () => {
  const { state, counters, recorder } = recording();
  for (let index = 0; index < 2_500; index++) counters.count(`p${index}`, 200, 1);
  await recorder.flush();
  expect(state.written.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
});

test('closing writes what is left', async () => {
  const { state, counters, recorder } = recording();
  recorder.start();
  counters.count('one', 200, 1);
  await recorder.close();
  expect(state.written).toHaveLength(1);
});
