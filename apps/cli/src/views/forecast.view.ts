import type { LockForecast, PendingMigration, RolloutForecast } from '../api/answers.js';
import { table } from '../output/table.js';
import { count, oneLine } from '../output/words.js';
import { countsText, planLines, selectorText, sqlLines } from './rollout-words.js';

/** A dry run for people: waves, who is left out, and the SQL with the locks that it takes. */
export function forecastLines(forecast: RolloutForecast): string[] {
  const { target, plan, notes, counts, waves, skipped, migrations } = forecast;
  return [
    `To schema ${target}: ${countsText(counts)}. Nothing was written.`,
    '',
    ...planLines(plan),
    '',
    ...table(waves, [
      { title: 'WAVE', cell: ({ position }) => position },
      { title: 'SELECTS', cell: ({ selector }) => selectorText(selector) },
      { title: 'MIGRATES', cell: (wave) => wave.counts.pending - wave.verifies },
      ...(plan.verify ? [{ title: 'LOOKS INTO', cell: (wave: ForecastWave) => wave.verifies }] : []),
      { title: 'UP TO DATE', cell: (wave) => wave.counts.done },
      { title: 'SKIPS', cell: (wave) => wave.counts.skipped },
      { title: 'WAIT', cell: ({ waits }) => waits },
      { title: 'PROJECTS', cell: (wave) => exampleProjects(wave) },
    ]),
    ...section('Mind', noteLines(notes)),
    ...section(
      'Left out',
      skipped.map(({ slug, reason }) => `  ${oneLine(slug)}: ${oneLine(reason)}`),
    ),
    ...migrations.flatMap(migrationLines),
  ];
}

/** What the control plane has noticed about a plan. */
export function noteLines(notes: readonly string[]): string[] {
  return notes.map((note) => `  ${oneLine(note)}`);
}

type ForecastWave = RolloutForecast['waves'][number];

function exampleProjects({ projects, counts }: ForecastWave): string {
  const shown = projects.slice(0, 3).map(({ slug }) => slug);
  const more = counts.pending - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(', ');
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `${title}:`, ...lines];
}

function migrationLines(migration: PendingMigration): string[] {
  const { version, name, phase, transactional, backfill, databases, statements, problem } = migration;
  const facts = [
    phase,
    transactional ? 'one transaction' : 'no transaction',
    ...(backfill ? ['backfill afterwards'] : []),
    count(databases, 'database'),
  ];
  return [
    '',
    `Schema ${version}, ${oneLine(name)} (${facts.join(', ')})`,
    ...(problem === null ? [] : [`  No forecast of its locks: ${oneLine(problem)}`]),
    ...statements.flatMap(({ number, text, locks }) => [
      ...sqlLines(text, '      ').map((line, at) =>
        at === 0 ? `${String(number).padStart(4)}  ${line.trim()}` : line,
      ),
      ...(locks ?? []).map((lock) => `      -- ${lockText(lock)}`),
    ]),
  ];
}

function lockText({ object, lock, blocks, scans, rewrites, hazard, note }: LockForecast): string {
  const taken = `${lock ?? 'no lock'}${object === null ? '' : ` on ${object}`}`;
  const costs = [
    blocks === 'nothing' ? 'nothing waits' : `${blocks} wait`,
    ...(scans ? ['reads the whole table'] : []),
    ...(rewrites ? ['writes the whole table anew'] : []),
  ];
  return oneLine(`${taken}; ${costs.join('; ')}${hazard === null ? '' : `. DANGER (${hazard}): ${note}`}`);
}
