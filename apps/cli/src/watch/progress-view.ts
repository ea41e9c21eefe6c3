import cliProgress from 'cli-progress';
import type { Rollout } from '../api/answers.js';
import type { Terminal } from '../output/terminal.js';
import {
  currentWave,
  fleetCounts,
  newsOf,
  paceText,
  partOf,
  progressLine,
  stamped,
  waveText,
} from './rollout-progress.js';

/** Shows a rollout that moves. `show` is given each look at it; `end` leaves the terminal as it was. */
export interface ProgressView {
  show(rollout: Rollout): void;
  note(line: string): void;
  end(): void;
}

/** Every look at the rollout as a line of JSON. */
export function jsonProgress({ stdout, stderr }: Pick<Terminal, 'stdout' | 'stderr'>): ProgressView {
  return {
    show: (rollout) => stdout.write(`${JSON.stringify(rollout)}\n`),
    note: (line) => stderr.write(`${line}\n`),
    end: () => undefined,
  };
}

/** A log has every piece of news, but of mere progress no more than a line in so many milliseconds. */
const progressEveryMs = 5_000;

/** Lines with the time in front, for a file or the log of a build. */
export function lineProgress({ stdout, now }: Pick<Terminal, 'stdout' | 'now'>): ProgressView {
  let last: Rollout | undefined;
  let lastLine = '';
  let lastLineAt = -Infinity;
  const note = (line: string) => void stdout.write(`${stamped(line, now())}\n`);
  return {
    show: (rollout) => {
      newsOf(last, rollout).forEach(note);
      last = rollout;
      const line = progressLine(rollout, now());
      if (rollout.state !== 'running' || line === lastLine || now().getTime() - lastLineAt < progressEveryMs) return;
      note(line);
      lastLine = line;
      lastLineAt = now().getTime();
    },
    note,
    end: () => undefined,
  };
}

/** Two bars that stay at the bottom, of the fleet and of the wave, with the news above them: for a terminal. */
export function barProgress({ stdout, now }: Pick<Terminal, 'stdout' | 'now'>): ProgressView {
  const bars = new cliProgress.MultiBar(
    {
      stream: stdout,
      format: '{name} {bar} {percentage}% {value}/{total} {rest}',
      ...{ barsize: 24, fps: 5, hideCursor: true, clearOnComplete: true },
      // What happens on Ctrl-C is decided in one place, and not here.
      gracefulExit: false,
      // The news push the bars down, so that they have to be drawn again though they are the same.
      forceRedraw: true,
    },
    cliProgress.Presets.shades_classic,
  );
  const fleet = bars.create(0, 0, { name: 'fleet', rest: '' });
  const wave = bars.create(0, 0, { name: 'wave ', rest: '' });
  const note = (line: string) => bars.log(`${stamped(line, now())}\n`);
  let last: Rollout | undefined;
  return {
    show: (rollout) => {
      newsOf(last, rollout).forEach(note);
      last = rollout;
      const all = partOf(fleetCounts(rollout));
      fleet.setTotal(all.total);
      fleet.update(all.through, { rest: paceText(rollout, now()) });
      const current = currentWave(rollout);
      const part = current === undefined ? { through: 0, total: 0 } : partOf(current.counts);
      wave.setTotal(part.total);
      wave.update(part.through, {
        rest: current === undefined ? '' : `${waveText(current)} ${current.state}`,
      });
    },
    note,
    end: () => {
      // What was logged since the last drawing is still in the library's buffer.
      bars.update();
      bars.stop();
    },
  };
}
