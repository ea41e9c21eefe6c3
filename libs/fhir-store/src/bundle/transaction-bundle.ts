import { conflict } from '#fhir';
import type { Connection } from '#postgres';
import { projectSettings } from '../project-settings.js';
import { ownReadings } from '../reading/reading-scope.js';
import { auditingDenial, changesRights, isRefusal, type Context } from '../rights/rights.js';
import { isIdTaken } from '../writing/single-writes.js';
import { inTransaction, transactionTime, withKnownErrors, type Scope } from '../transaction.js';
import { insertFinished } from '../writing/writes.js';
import type { RawEntry } from './batch.js';
import type { BundleContext, EntryReading } from './bundle-context.js';
import { auditedEntry, entityOf, isReading, readEntry } from './bundle-entry.js';
import { entryLookUps, finishEntries, pendingCreate } from './entry-writes.js';
import { versionEntry } from './response-entry.js';
import { TransactionRun } from './transaction-run.js';
import { failedEntry, inEntryLater, readSteps, type Step } from './transaction-step.js';

/** How often a transaction is begun again because another request made a resource that it was about to make. */
const tries = 3;

interface TransactionOptions {
  /** Told what was read, once that is certain. */
  readonly onRead: (entity: string, outcome: 'success', subjects: string) => void;
  /** The last thing that is done inside the transaction, with the texts of its response entries and what they have read. */
  readonly beforeCommit?: (
    transaction: Connection,
    answers: readonly string[],
    readings: readonly EntryReading[],
  ) => Promise<void>;
}

/**
 * Carries out a transaction, all or nothing (https://hl7.org/fhir/R4/http.html#transaction), and returns the texts of
 * its response entries in the order of the entries. Throws the OutcomeError of the first entry that fails; its texts and
 * expressions name the entry, and nothing has been written.
 */
export async function processTransaction(
  context: Context,
  entries: readonly RawEntry[],
  bundle: BundleContext,
  { onRead, beforeCommit }: TransactionOptions,
): Promise<string[]> {
  return auditingEntry(context, entries, bundle, async () => {
    const settings = await projectSettings(context);
    for (let attempt = 1; ; attempt++) {
      let steps = await readSteps(context, settings, entries, bundle);
      const isOneStatement = steps.length > 0 && !settings.checksReferences && steps.every(isPlainCreate);
      if (isOneStatement && beforeCommit === undefined) return createAll(context, steps, bundle);
      let isBegun = false;
      const run = async (scope: Scope): Promise<string[]> => {
        // Begun again as a change of rights: what the first run noted in the steps belongs to what was rolled back.
        if (isBegun) steps = await readSteps(context, settings, entries, bundle);
        isBegun = true;
        const answers = await new TransactionRun(context, scope, settings, bundle, steps).carryOut();
        await beforeCommit?.(scope.connection, answers, readingsOf(steps));
        return answers;
      };
      try {
        const answers = await inTransaction(context.tenant, context.caller, steps.some(stepChangesRights), run);
        for (const { entity, subjects } of readingsOf(steps)) onRead(entity, 'success', subjects);
        return answers;
      } catch (error) {
        if (!isIdTaken(error)) throw error;
        if (attempt === tries) throw conflict('Another request is making the same resources; try again');
      }
    }
  });
}

const readingsOf = (steps: readonly Step[]): EntryReading[] =>
  steps.flatMap(({ interaction, subjects = '' }) =>
    isReading(interaction) ? [{ entity: entityOf(interaction), subjects }] : [],
  );

/** Throws what is wrong with a transaction, as far as its entries tell it by themselves. */
export function checkTransaction(context: Context, entries: readonly RawEntry[], bundle: BundleContext): Promise<void> {
  return auditingEntry(context, entries, bundle, async () => {
    await readSteps(context, await projectSettings(context), entries, bundle);
  });
}

/** Records a refusal in the audit as that of the entry which was refused, or, when it was none, of the Bundle. */
function auditingEntry<T>(
  context: Context,
  entries: readonly RawEntry[],
  bundle: BundleContext,
  write: () => Promise<T>,
): Promise<T> {
  return auditingDenial(context, 'E', 'Bundle', async () => {
    try {
      return await write();
    } catch (error) {
      const failed = entries[failedEntry(error) ?? -1];
      if (failed === undefined || !isRefusal(error)) throw error;
      const { interaction } = readEntry(context.tenant.version, bundle.baseUrl, failed.entry, failed.resource);
      const { action, entity } = auditedEntry(interaction);
      return auditingDenial(context, action, entity, () => Promise.reject(error));
    }
  });
}

/** Whether all that the entry needs is one row more: nothing that must be looked at once the row is there. */
const isPlainCreate = (step: Step): boolean =>
  step.interaction.kind === 'create' &&
  step.interaction.ifNoneExist === undefined &&
  step.interaction.type !== 'Binary' &&
  step.conditions.size === 0 &&
  step.awaitedVersions.size === 0 &&
  !stepChangesRights(step);

/** New resources and nothing else are one statement, and that is a transaction by itself. */
async function createAll(context: Context, steps: readonly Step[], bundle: BundleContext): Promise<string[]> {
  const { tenant, caller } = context;
  const { epoch } = caller;
  const assertTime = transactionTime();
  const lookUps = entryLookUps(context, ownReadings(tenant, epoch));
  const finished = await finishEntries(context, lookUps, steps.map(pendingCreate), (step, work) =>
    inEntryLater(step.index, () => {
      assertTime();
      return work();
    }),
  );
  const writes = finished.map((entry) => entry.finished);
  const versions = await withKnownErrors(() =>
    tenant.use((connection) => insertFinished({ connection, epoch }, context, writes)),
  );
  return versions.map((version) => versionEntry(201, version, bundle, bundle.returns));
}

function stepChangesRights({ interaction }: Step): boolean {
  switch (interaction.kind) {
    case 'create':
      return changesRights('create', interaction.type);
    case 'update':
    case 'conditional-update':
    case 'patch':
    case 'conditional-patch':
      return changesRights('update', interaction.type);
    case 'delete':
    case 'conditional-delete':
      return changesRights('delete', interaction.type);
    case 'read':
    case 'vread':
    case 'history':
    case 'search':
      return false;
  }
}
