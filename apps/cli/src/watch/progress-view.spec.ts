import { Writable } from 'node:stream';
import type { Rollout } from '../api/answers.js';
import { barProgress, jsonProgress, lineProgress } from './progress-view.js';

function aStream(isTTY: boolean) {
  let text = '';
  const stream = new Writable({ write: (chunk, _, done) => ((text += String(chunk)), done()) });
  return { stream: Object.assign(stream, { isTTY, columns: 200 }) as never as NodeJS.WriteStream, text: () => text };
}

const look = (done: number, state = 'running') =>
  ({
    ...{ id: 'rol_1', state, reason: null, waiting: { projects: 0 }, backfills: { pending: 0 }, eta: null },
    waves: [
      {
        ...{ position: 0, selector: { percent: 100 }, state: 'running', health: null },
        counts: { pending: 10 - done, running: 0, done, failed: 0, skipped: 0 },
      },
    ],
    ...{ ratePerMinute: 60, failures: [] },
  }) as never as Rollout;

test('a log has the news at once and progress every five seconds', () => {
  const { stream, text } = aStream(false);
  let ms = Date.parse('2026-11-21T09:00:00Z');
  const view = lineProgress({ stdout: stream, now: () => new Date(ms) });
  for (const done of [0, 1, 2, 3, 4, 5, 6]) {
    view.show(look(done));
    ms += 1_000;
  }
  view.show(look(10, 'succeeded'));
  view.end();
  expect(text().trim().split('\n')).toEqual([
    '2026-11-21 09:00:00Z  rol_1 is running.',
    '2026-11-21 09:00:00Z  wave 0 (100%) has begun',
    '2026-11-21 09:00:00Z  wave 0 (100%) running, 0/10 projects through (0 %), 60/min',
    '2026-11-21 09:00:05Z  wave 0 (100%) running, 5/10 projects through (50 %), 60/min',
  ]);
});

test('a terminal has bars of the fleet and of the wave below the news, and is left with the news alone', () => {
  const { stream, text } = aStream(true);
  const view = barProgress({ stdout: stream, now: () => new Date('2026-11-21T09:00:00Z') });
  view.show(look(5));
  view.end();
  const drawn = text();
  expect(drawn).toContain('2026-11-21 09:00:00Z  rol_1 is running.\n');
  expect(drawn).toMatch(/fleet [█░]{24} 50% 5\/10 60\/min/);
  expect(drawn).toMatch(/wave {2}[█░]{24} 50% 5\/10 wave 0 \(100%\) running/);
  // The cursor is shown again, and everything below it is cleared.
  expect(drawn.lastIndexOf('\u001b[?25h')).toBeGreaterThan(drawn.lastIndexOf('\u001b[?25l'));
  expect(drawn.endsWith('\u001b[0J')).toBe(true);
});

test('a program has a line of JSON at every look, and notes elsewhere', () => {
  const [out, err] = [aStream(false), aStream(false)];
  const view = jsonProgress({ stdout: out.stream, stderr: err.stream });
  view.show(look(1));
  view.note('connected again');
  view.show(look(2));
  view.end();
  expect(
    out
      .text()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).waves[0].counts.done),
  ).toEqual([1, 2]);
  expect(err.text()).toBe('connected again\n');
});
