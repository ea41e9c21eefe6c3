import { conflict } from '#fhir';
import { auditingDenial, changesRights, type Context } from '../rights.js';
import { isIdTaken } from '../single-writes.js';
import { insertResources } from '../sql/insert.sql.js';
import { inTransaction, withKnownErrors } from '../transaction.js';
import type { RawEntry } from './batch.js';
import type { BundleContext } from './bundle-context.js';
import { entityOf, isReading } from './bundle-entry.js';
import { versionEntry } from './response-entry.js';
import { TransactionRun } from './transaction-run.js';
import { draftOf, readSteps, type Step } from './transaction-step.js';

/** How often a transaction is begun again because another request made a resource that it was about to make. */
const tries = 3;

/**
 * Carries out a transaction, all or nothing (https://hl7.org/fhir/R4/http.html#transaction), and returns the texts of
 * its response entries in the order of the entries. Throws the OutcomeError of the first entry that fails; its texts and
 * expressions name the entry, and nothing has been written. `onRead` is told what was read, once that is certain.
 */
export async function processTransaction(
  context: Context,
  entries: readonly RawEntry[],
  bundle: BundleContext,
  onRead: (entity: string, outcome: 'success') => void,
): Promise<string[]> {
  return auditingDenial(context, 'E', 'Bundle', async () => {
    for (let attempt = 1; ; attempt++) {
      const steps = readSteps(context, entries, bundle);
      if (steps.length > 0 && steps.every(isPlainCreate)) return createAll(context, steps, bundle);
      try {
        const answers = await inTransaction(context.tenant, context.caller, steps.some(stepChangesRights), (scope) =>
          new TransactionRun(context, scope, bundle, steps).carryOut(),
        );
        for (const { interaction } of steps) if (isReading(interaction)) onRead(entityOf(interaction), 'success');
        return answers;
      } catch (error) {
        if (!isIdTaken(error)) throw error;
        if (attempt === tries) throw conflict('Another request is making the same resources; try again');
      }
    }
  });
}

/** Whether all that the entry needs is one row more. */
const isPlainCreate = (step: Step): boolean =>
  step.interaction.kind === 'create' &&
  step.interaction.ifNoneExist === undefined &&
  step.conditions.size === 0 &&
  !stepChangesRights(step);

/** New resources and nothing else are one statement, and that is a transaction by itself. */
async function createAll(context: Context, steps: readonly Step[], bundle: BundleContext): Promise<string[]> {
  const { tenant, caller } = context;
  const drafts = steps.map((step) => draftOf(context, step));
  const versions = await withKnownErrors(() =>
    tenant.use((connection) => insertResources(connection, caller.epoch, caller, drafts)),
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
