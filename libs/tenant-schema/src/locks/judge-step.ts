import type { SchemaStep } from '../schema-step.js';
import { type LockForecast, type StatementForecast, stepForecast } from './lock-forecast.js';

/** Something in a migration that would hurt a database in use. */
export interface StepFinding {
  /** What a waiver has to name; null when no waiver helps. */
  readonly rule: string | null;
  /** The statement's place in the migration, from 1; null when it is about the migration as a whole. */
  readonly statement: number | null;
  /** What is wrong and what to do instead, in whole sentences. */
  readonly message: string;
}

/**
 * Whether a migration may run over databases in use: nothing that keeps requests waiting for longer than a moment, nothing
 * that the release before this one cannot live with while the phase is `expand`, and only what can be repeated outside a
 * transaction. A line `-- waiver: <rule>: <why>` in a statement lets that rule pass for it; a waiver that nothing needs is
 * a finding too, so that none outlives its reason. Decided by the texts alone. Rejects when a statement is no SQL.
 */
export async function judgeStep(step: SchemaStep): Promise<StepFinding[]> {
  if (step.statements.length === 0) {
    return [{ rule: null, statement: null, message: 'It has no statements.' }];
  }
  const forecasts = await stepForecast(step.statements);
  return forecasts.flatMap((forecast, index) => {
    const found = [
      ...hazards(step, forecast),
      ...(step.transactional ? scanUnderLock(forecast, forecasts.slice(0, index)) : unrepeatable(forecast)),
    ];
    const waived = waiversIn(forecast.text);
    return [
      ...found.filter(({ rule }) => rule === null || !waived.includes(rule)),
      ...waived
        .filter((rule) => !found.some((finding) => finding.rule === rule))
        .map((rule) => ({
          rule: null,
          statement: forecast.number,
          message: `It has a waiver for ${rule}, which nothing needs. Remove that line.`,
        })),
    ];
  });
}

/** Rules that lines of a statement waive; a waiver without a reason is none. */
function waiversIn(text: string): string[] {
  return [...text.matchAll(/--\s*waiver:\s*([a-z-]+):[^\S\n]*\S/g)].flatMap(([, rule]) =>
    rule === undefined ? [] : [rule],
  );
}

function hazards(step: SchemaStep, { number, locks }: StatementForecast): StepFinding[] {
  return locks.flatMap((lock) => {
    const { hazard } = lock;
    // What a contract migration is there for.
    const isMeant = step.phase === 'contract' && (hazard === 'drop' || hazard === 'rename');
    if (hazard === null || isMeant) return [];
    const byPhase =
      hazard === 'drop' || hazard === 'rename' ? 'It belongs into a migration with `phase = contract`.' : '';
    return [finding(hazard, number, `${effect(lock)} ${lock.note} ${byPhase}`)];
  });
}

/** `CREATE INDEX on slot blocks writes while it reads the whole table.` */
function effect({ statement, object, blocks, scans, rewrites }: LockForecast): string {
  const what = object === null ? statement : `${statement} on ${object}`;
  const meanwhile = rewrites ? ' while it is written anew' : scans ? ' while all of it is read' : '';
  return blocks === 'nothing' ? `${what} changes what is in use.` : `${what} blocks ${blocks}${meanwhile}.`;
}

/** A lock is held until the transaction ends, so what reads a table after it keeps everybody waiting for as long. */
function scanUnderLock({ number, locks }: StatementForecast, before: readonly StatementForecast[]): StepFinding[] {
  const held = before
    .flatMap((forecast) => forecast.locks)
    .find(({ blocks, object }) => blocks !== 'nothing' && object !== null);
  const scan = locks.find(({ scans, blocks, hazard }) => scans && blocks === 'nothing' && hazard === null);
  if (held === undefined || scan === undefined) return [];
  const message =
    `${scan.statement} reads all of ${scan.object} while the transaction holds the lock of ${held.statement} ` +
    `on ${held.object}, which blocks ${held.blocks}. Put it into a migration of its own.`;
  return [finding('scan-under-lock', number, message)];
}

const repeatable = [
  /^(CREATE (UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS|DROP INDEX CONCURRENTLY IF EXISTS) /i,
  /^REINDEX (TABLE|INDEX|\(CONCURRENTLY\))/i,
  /^(VACUUM|ANALYZE)\b/i,
  /^ALTER TYPE .* ADD VALUE IF NOT EXISTS /i,
  /^ALTER TABLE \S+ VALIDATE CONSTRAINT \S+$/i,
];

/** Outside a transaction a step that ended half-way is run again from its start. */
function unrepeatable({ number, text }: StatementForecast): StepFinding[] {
  const plain = text
    .replaceAll(/--[^\n]*/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  if (repeatable.some((form) => form.test(plain))) return [];
  const message =
    'Outside a transaction each statement must be safe to run again: CREATE INDEX CONCURRENTLY IF NOT EXISTS, DROP INDEX ' +
    'CONCURRENTLY IF EXISTS, REINDEX, VALIDATE CONSTRAINT, VACUUM, ANALYZE, ALTER TYPE … ADD VALUE IF NOT EXISTS. Put ' +
    'everything else into a transactional migration.';
  return [finding('not-repeatable', number, message)];
}

const finding = (rule: string, statement: number, message: string): StepFinding => ({
  rule,
  statement,
  message: message.replaceAll(/\s+/g, ' ').trim(),
});
