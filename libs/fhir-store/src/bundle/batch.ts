import { conflict, readResource, type JsonValue } from '#fhir';
import { StaleRights, type Caller } from '../caller.js';
import type { Context } from '../rights.js';
import type { BundleContext, BundleOptions } from './bundle-context.js';
import { entityOf, readEntry } from './bundle-entry.js';
import { carryOutReading, carryOutWriting, isReading, type Interactions } from './carry-out.js';
import { asOutcome, errorEntry } from './response-entry.js';

export interface RawEntry {
  readonly entry: JsonValue;
  /** The text of the entry's resource in normal form. */
  readonly resource: string | undefined;
}

/**
 * Carries out the entries of a batch one after the other, each by itself: one that fails is answered with its own
 * status and outcome and changes nothing for the others. The answers are in the order of the entries.
 */
export async function processBatch(
  context: Context,
  interactionsOf: (caller: Caller) => Interactions,
  entries: readonly RawEntry[],
  bundle: BundleContext,
  { onRead, onFault }: Required<Pick<BundleOptions, 'onRead'>> & Pick<BundleOptions, 'onFault'>,
): Promise<string[]> {
  let interactions = interactionsOf(context.caller);
  const answers: string[] = [];
  for (const entry of entries) {
    try {
      answers.push(await answerRenewing(entry));
    } catch (error) {
      // With nothing done yet, the whole batch can be repeated by whoever knows how.
      if (error instanceof StaleRights && answers.length === 0) throw error;
      const outcome = asOutcome(error instanceof StaleRights ? rightsChanged() : error);
      if (outcome.category === 'internal') {
        if (onFault === undefined) throw error;
        onFault(error);
      }
      answers.push(errorEntry(outcome));
    }
  }
  return answers;

  async function answerRenewing(entry: RawEntry): Promise<string> {
    try {
      return await answerEntry(context, interactions, entry, bundle, onRead);
    } catch (error) {
      if (!(error instanceof StaleRights) || answers.length === 0) throw error;
      const renewed = await context.caller.renew?.();
      if (renewed === undefined) throw error;
      interactions = interactionsOf(renewed);
      return answerEntry(context, interactions, entry, bundle, onRead);
    }
  }
}

async function answerEntry(
  { tenant }: Context,
  interactions: Interactions,
  { entry, resource }: RawEntry,
  bundle: BundleContext,
  onRead: (entity: string) => void,
): Promise<string> {
  const { interaction, resource: text } = readEntry(tenant.version, bundle.baseUrl, entry, resource);
  if (isReading(interaction)) {
    const answer = await carryOutReading(interactions, tenant, interaction, bundle);
    onRead(entityOf(interaction));
    return answer;
  }
  return carryOutWriting(interactions, interaction, () => readResource(text), bundle);
}

const rightsChanged = () => conflict('Rights changed while the batch ran; send this entry again');
