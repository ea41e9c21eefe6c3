import { conflict, notSupported, readResource, type JsonValue } from '#fhir';
import { StaleRights, type Caller } from '../caller.js';
import type { Context } from '../rights.js';
import type { BundleContext, BundleOptions } from './bundle-context.js';
import { entityOf, isReading, readEntry, type OperationInteraction } from './bundle-entry.js';
import { carryOutReading, carryOutWriting, type Interactions } from './carry-out.js';
import { entryPatch } from './entry-patch.js';
import { asOutcome, errorEntry, resourceEntry } from './response-entry.js';

export interface RawEntry {
  readonly entry: JsonValue;
  /** The text of the entry's resource in normal form. */
  readonly resource: string | undefined;
}

type BatchOptions = BundleOptions & Required<Pick<BundleOptions, 'onRead'>>;

/**
 * Carries out the entries of a batch one after the other, each by itself: one that fails is answered with its own
 * status and outcome and changes nothing for the others. The answers are in the order of the entries.
 */
export async function processBatch(
  context: Context,
  interactionsOf: (caller: Caller) => Interactions,
  entries: readonly RawEntry[],
  bundle: BundleContext,
  options: BatchOptions,
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
        if (options.onFault === undefined) throw error;
        options.onFault(error);
      }
      answers.push(errorEntry(outcome));
    }
  }
  return answers;

  async function answerRenewing(entry: RawEntry): Promise<string> {
    try {
      return await answerEntry(context, interactions, entry, bundle, options);
    } catch (error) {
      if (!(error instanceof StaleRights) || answers.length === 0) throw error;
      const renewed = await context.caller.renew?.();
      if (renewed === undefined) throw error;
      interactions = interactionsOf(renewed);
      return answerEntry(context, interactions, entry, bundle, options);
    }
  }
}

async function answerEntry(
  { tenant }: Context,
  interactions: Interactions,
  { entry, resource }: RawEntry,
  bundle: BundleContext,
  options: BatchOptions,
): Promise<string> {
  const { interaction, resource: text } = readEntry(tenant.version, bundle.baseUrl, entry, resource);
  if (interaction.kind === 'operation') return answerOperation(interaction, resource, options);
  if (isReading(interaction)) {
    const answer = await carryOutReading(interactions, tenant, interaction, bundle);
    options.onRead(entityOf(interaction));
    return answer;
  }
  const content = { text: () => readResource(text), patch: () => entryPatch(tenant.version, text) };
  return carryOutWriting(interactions, interaction, content, bundle);
}

async function answerOperation(
  interaction: OperationInteraction,
  resource: string | undefined,
  { onOperation }: BatchOptions,
): Promise<string> {
  if (onOperation === undefined) throw notSupported(`${interaction.name} is not supported in a Bundle`);
  return resourceEntry(await onOperation({ ...interaction, resource }));
}

const rightsChanged = () => conflict('Rights changed while the batch ran; send this entry again');
