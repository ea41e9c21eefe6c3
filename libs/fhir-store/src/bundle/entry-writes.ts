/** What the entries of a transaction put into the database: finished together, and sent together. */
import { Charts } from '../accounts/charts.js';
import { loadCharts } from '../accounts/finish-draft.js';
import {
  assertClaims,
  assertTargets,
  finishWrite,
  mayReferWrongly,
  unfinished,
  type Finished,
  type Pending,
} from '../writing/finish-write.js';
import { ProfileChecks } from '../writing/profile-checks.js';
import { readingsOn } from '../reading/reading-scope.js';
import type { ReadingScope } from '../reading/reading-scope.js';
import type { Context } from '../rights/rights.js';
import type { Scope } from '../transaction.js';
import { admitCreate } from '../rights/write-rights.js';
import { insertFinished, updateLocked, type UpdateResult } from '../writing/writes.js';
import { inRows } from './in-rows.js';
import { inEntry, type Step } from './transaction-step.js';

/** An entry whose write has been admitted. */
export interface EntryWrite {
  readonly step: Step;
  readonly pending: Pending;
}

/** The write of an entry that makes a resource, whose text and id are known. */
export function pendingCreate(step: Step): EntryWrite {
  const { id, written } = step;
  if (written === undefined || id === undefined) throw new Error('The step is not ready to be written.');
  return { step, pending: { admission: admitCreate(written.text.resourceType), id, written } };
}

/** What the writes of one transaction look up once for all of them. */
export interface EntryLookUps {
  readonly charts: Charts;
  readonly profiles: ProfileChecks;
}

export const entryLookUps = (context: Context, scope: ReadingScope): EntryLookUps => ({
  charts: new Charts(context, scope),
  profiles: new ProfileChecks(context, scope),
});

export interface FinishedEntry extends EntryWrite {
  readonly finished: Finished;
}

/** Works on one entry: names it in what is thrown, and gives up when the transaction has taken too long. */
export type WorkOnEntry = <Result>(step: Step, work: () => Promise<Result>) => Promise<Result>;

/** Finishes the writes; the patients on whom they depend are looked up all at once, and so are the profiles they claim. */
export async function finishEntries(
  context: Context,
  { charts, profiles }: EntryLookUps,
  entries: readonly EntryWrite[],
  inStep: WorkOnEntry,
): Promise<FinishedEntry[]> {
  const known = entries.map(({ step, pending }) => inEntry(step.index, () => unfinished(context, pending)));
  await loadCharts(context, charts, known, (position, work) => inEntry(entries[position]?.step.index ?? 0, work));
  await profiles.load(entries.map(({ pending }) => pending.written));
  const all: FinishedEntry[] = [];
  // What is to be looked up has been; the constraints of a policy and the profiles may take a second for each.
  await inRows(entries, async ({ step, pending }) => {
    const finished = await inStep(step, async () => {
      const write = await finishWrite(context, charts, pending);
      await assertClaims(profiles, pending, write);
      return write;
    });
    all.push({ step, pending, finished });
  });
  return all;
}

/** The writes of one transaction. */
export class EntryWrites {
  private readonly lookUps: EntryLookUps;
  private readonly readings: ReadingScope;
  private readonly unchecked: FinishedEntry[] = [];

  constructor(
    private readonly context: Context,
    private readonly scope: Scope,
    private readonly inStep: WorkOnEntry,
  ) {
    this.readings = readingsOn(scope);
    this.lookUps = entryLookUps(context, this.readings);
  }

  /** Writes the entries and tells `written` of each. New resources are one statement; the others travel with it. */
  async store(entries: readonly EntryWrite[], written: (step: Step, result: UpdateResult) => void): Promise<void> {
    if (entries.length === 0) return;
    const all = await finishEntries(this.context, this.lookUps, entries, this.inStep);
    const inserts = all.filter(({ finished }) => finished.admission.current === undefined);
    const updates = all.filter(({ finished }) => finished.admission.current !== undefined);
    this.unchecked.push(...all.filter(({ pending, finished }) => mayReferWrongly(pending, finished)));
    await Promise.all([
      this.insert(inserts, written),
      ...updates.map(({ step, finished }) =>
        this.inStep(step, async () => written(step, await updateLocked(this.scope, this.context, finished))),
      ),
    ]);
  }

  private async insert(
    entries: readonly FinishedEntry[],
    written: (step: Step, result: UpdateResult) => void,
  ): Promise<void> {
    if (entries.length === 0) return;
    const finished = entries.map((entry) => entry.finished);
    const versions = await insertFinished(this.scope, this.context, finished);
    entries.forEach(({ step }, position) => {
      const version = versions[position];
      if (version === undefined) throw new Error('The insert statement returned too few versions.');
      written(step, { version, isShown: true, created: true, changed: true });
    });
  }

  /** Checks what the written resources refer to, now that all of them are there. */
  async assertTargets(): Promise<void> {
    for (const { step, pending, finished } of this.unchecked) {
      await this.inStep(step, () => assertTargets(this.context, this.readings, pending, finished));
    }
  }
}
