import { Command } from 'commander';
import { addPlanOptions, duration, rolloutRequest, waveSelector } from './plan-options.js';

function requestOf(...parameters: string[]): object {
  const command = addPlanOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return rolloutRequest(command.parse(parameters, { from: 'user' }).opts());
}

describe('the options of a plan', () => {
  test('that are left out are left to the control plane', () => {
    expect(requestOf()).toEqual({});
  });

  test('become the request, waves in their order', () => {
    expect(
      requestOf(
        ...['--target', '43', '--wave', 'label=ring:canary', '--wave', '10%', '--parallel', '8'],
        ...['--parallel-per-cluster', '4', '--pause-between-waves', '30m', '--attempts', '2', '--stop-at-failed', '3'],
        ...['--stop-at-failed-percent', '2.5%', '--stop-at-error-rate', '20', '--stop-at-p95', '30'],
        ...[
          '--on-exceeded',
          'abort',
          '--health-window',
          '90s',
          '--min-requests',
          '5',
          '--smoke-projects',
          '0',
          '--verify',
        ],
      ),
    ).toEqual({
      ...{ target: 43, waves: [{ label: 'ring:canary' }, { percent: 10 }], parallel: 8, parallelPerCluster: 4 },
      ...{ pauseBetweenWaves: 'PT30M', attempts: 2, onExceeded: 'abort', verify: true },
      abortOn: { failedProjects: 3, failedPercent: 2.5, errorRateIncreasePct: 20, p95IncreasePct: 30 },
      health: { window: 'PT90S', minRequests: 5, smokeProjects: 0 },
    });
  });

  test.each([
    ['--target', 'newest'],
    ['--parallel', '1.5'],
    ['--stop-at-p95', 'half'],
    ['--on-exceeded', 'stop'],
    ['--wave', 'everybody'],
    ['--health-window', '5 minutes'],
    ['--attempts', '-1'],
  ])('refuse %s %s', (option, value) => {
    expect(() => requestOf(option, value)).toThrow(/argument missing|is invalid/);
  });
});

test.each([
  ['10%', { percent: 10 }],
  ['0.5%', { percent: 0.5 }],
  ['label=ring:a=b', { label: 'ring:a=b' }],
  ['cluster=cl_1', { cluster: 'cl_1' }],
  ['region=eu-west', { region: 'eu-west' }],
  ['projects=quay, pier', { projects: ['quay', 'pier'] }],
])('the wave %s selects %j', (text, selector) => {
  expect(waveSelector(text)).toEqual(selector);
});

test.each(['', '10', 'percent=10', 'label=', 'projects=a,,b', 'projects=', 'Label=x:y'])('%j is no wave', (text) => {
  expect(() => waveSelector(text)).toThrow('A wave is');
});

test.each([
  ['30m', 'PT30M'],
  ['1h30m', 'PT1H30M'],
  ['90s', 'PT90S'],
  ['2d', 'P2D'],
  ['1d12h', 'P1DT12H'],
  ['0s', 'PT0S'],
  ['PT5M', 'PT5M'],
  ['pt5m', 'PT5M'],
])('the duration %s is %s', (text, iso) => {
  expect(duration(text)).toBe(iso);
});

test.each(['', '5', 'm', '5 m', '30m1h', '1.5h'])('%j is no duration', (text) => {
  expect(() => duration(text)).toThrow('A duration is');
});
