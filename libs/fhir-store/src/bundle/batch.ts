import { conflict, notSupported, OutcomeError, readResource, type JsonValue } from '#fhir';
import { subjectsOf, type AuditedResource } from '../audit/audit-subjects.js';
import { StaleRights, type Caller } from '../caller.js';
import type { Context } from '../rights/rights.js';
import { AnswerBudget } from './answer-budget.js';
import type { BundleContext, BundleOptions } from './bundle-context.js';
import { entityOf, isReading, readEntry, type OperationInteraction, type ReadingInteraction } from './bundle-entry.js';
import { carryOutReading, carryOutWriting, type Interactions } from './carry-out.js';
import { entryPatch } from './entry-patch.js';
import { asOutcome, errorEntry, operationEntry } from './response-entry.js';

export interface RawEntry {
  readonly entry: JsonValue;
  /** The text of the entry's resource in normal form. */
  readonly resource: string | undefined;
}

type BatchOptions = BundleOptions & Required<Pick<BundleOptions, 'onRead'>>;

/**
 * Carries out the entries of a batch one after the other, each by itself: one that fails is answered with its own
 * status and outcome and changes nothing for the others. When the answers have become too long, further entries are not
 * carried out and answered `too-costly`. The answers are in the order of the entries.
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
  const budget = new AnswerBudget();
  for (const entry of entries) {
    try {
      budget.assertLeft();
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
      return await answerEntry(context, interactions, entry, bundle, options, budget);
    } catch (error) {
      if (!(error instanceof StaleRights) || answers.length === 0) throw error;
      const renewed = await context.caller.renew?.();
      if (renewed === undefined) throw error;
      interactions = interactionsOf(renewed);
      return answerEntry(context, interactions, entry, bundle, options, budget);
    }
  }
}

async function answerEntry(
  { tenant }: Context,
  interactions: Interactions,
  { entry, resource }: RawEntry,
  bundle: BundleContext,
  options: BatchOptions,
  budget: AnswerBudget,
): Promise<string> {
  const { interaction, resource: text } = readEntry(tenant.version, bundle.baseUrl, entry, resource);
  if (isReading(interaction)) {
    const answer = await auditedReading(interaction, options, (onShown) =>
      carryOutReading(interactions, tenant, interaction, bundle, onShown),
    );
    budget.takeFitting(answer);
    return answer;
  }
  const content = { text: () => readResource(text), patch: () => entryPatch(tenant.version, text) };
  const answer =
    interaction.kind === 'operation'
      ? await answerOperation(interaction, resource, options)
      : await carryOutWriting(interactions, interaction, content, bundle);
  budget.take(answer);
  return answer;
}

/** Tells what was read, or that the caller had no right to. */
async function auditedReading(
  interaction: ReadingInteraction,
  { onRead }: BatchOptions,
  read: (onShown: (resources: Iterable<AuditedResource>) => void) => Promise<string>,
): Promise<string> {
  try {
    let subjects = '';
    const answer = await read((resources) => (subjects = subjectsOf(resources)));
    onRead(entityOf(interaction), 'success', subjects);
    return answer;
  } catch (error) {
    if (error instanceof OutcomeError && error.category === 'forbidden') onRead(entityOf(interaction), 'refused', '');
    throw error;
  }
}

async function answerOperation(
  interaction: OperationInteraction,
  resource: string | undefined,
  { onOperation }: BatchOptions,
): Promise<string> {
  if (onOperation === undefined) throw notSupported(`${interaction.name} is not supported in a Bundle`);
  return operationEntry(await onOperation({ ...interaction, resource }));
}

const rightsChanged = () => conflict('Rights changed while the batch ran; send this entry again');
