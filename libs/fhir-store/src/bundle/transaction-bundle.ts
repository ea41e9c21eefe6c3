import { conflict } from '#fhir';
import { auditingDenial, changesRights, type Context } from '../rights.js';
import { isIdTaken } from '../single-writes.js';
import { inTransaction } from '../transaction.js';
import type { RawEntry } from './batch.js';
import type { BundleContext } from './bundle-context.js';
import { entityOf } from './bundle-entry.js';
import { isReading } from './carry-out.js';
import { TransactionRun } from './transaction-run.js';
import { readSteps, type Step } from './transaction-step.js';

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
  onRead: (entity: string) => void,
): Promise<string[]> {
  return auditingDenial(context, 'E', 'Bundle', async () => {
    for (let attempt = 1; ; attempt++) {
      const steps = readSteps(context, entries, bundle);
      try {
        const answers = await inTransaction(context.tenant, context.caller, steps.some(stepChangesRights), (scope) =>
          new TransactionRun(context, scope, bundle, steps).carryOut(),
        );
        for (const { interaction } of steps) if (isReading(interaction)) onRead(entityOf(interaction));
        return answers;
      } catch (error) {
        if (!isIdTaken(error)) throw error;
        if (attempt === tries) throw conflict('Another request is making the same resources; try again');
      }
    }
  });
}

function stepChangesRights({ interaction }: Step): boolean {
  if (isReading(interaction)) return false;
  const { kind, type } = interaction;
  return changesRights(kind === 'conditional-update' ? 'update' : kind, type);
}
