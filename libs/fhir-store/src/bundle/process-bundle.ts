import { badRequest, readBundle, tooCostly, type JsonValue } from '#fhir';
import type { Caller } from '../caller.js';
import type { Context } from '../rights/rights.js';
import { processBatch, type RawEntry } from './batch.js';
import type { BundleContext, BundleOptions } from './bundle-context.js';
import type { Interactions } from './carry-out.js';
import { bundleText } from './presentation.js';
import { checkTransaction, processTransaction } from './transaction-bundle.js';

/** Each entry may be a search of its own, and a short one. */
const maxEntries = 10_000;

/** Carries out a Bundle of type batch or transaction (https://hl7.org/fhir/R4/http.html#transaction). */
export async function processBundle(
  context: Context,
  interactionsOf: (caller: Caller) => Interactions,
  text: string,
  baseUrl: string,
  options: BundleOptions,
): Promise<string> {
  const { type, entries } = readReceived(text);
  const { onRead = () => undefined, beforeCommit } = options;
  const bundle = bundleContext(baseUrl, options);
  if (type === 'batch') {
    const answers = await processBatch(context, interactionsOf, entries, bundle, { ...options, onRead });
    return bundleText('batch-response', '', answers);
  }
  const answerText = (answers: readonly string[]) => bundleText('transaction-response', '', answers);
  const answers = await processTransaction(context, entries, bundle, {
    onRead,
    ...(beforeCommit && {
      beforeCommit: (transaction, made, readings) => beforeCommit(transaction, answerText(made), readings),
    }),
  });
  return answerText(answers);
}

/**
 * Says of which type a Bundle is that can be carried out. Throws 400 for any other text and, for a transaction, what is
 * wrong with it that can be told without carrying it out.
 */
export async function checkBundle(
  context: Context,
  text: string,
  baseUrl: string,
  options: BundleOptions,
): Promise<'batch' | 'transaction'> {
  const { type, entries } = readReceived(text);
  if (type === 'transaction') await checkTransaction(context, entries, bundleContext(baseUrl, options));
  return type;
}

function bundleContext(
  baseUrl: string,
  { extended = false, handling = 'strict', returns = 'representation' }: BundleOptions,
): BundleContext {
  return { baseUrl, extended, handling, returns };
}

interface ReceivedBundle {
  readonly type: 'batch' | 'transaction';
  readonly entries: readonly RawEntry[];
}

function readReceived(text: string): ReceivedBundle {
  const { value, resources } = readBundle(text);
  if (value.resourceType !== 'Bundle') throw badRequest('The body must be a Bundle', { expression: ['resourceType'] });
  const entries = entriesOf(value.entry).map((entry, index) => ({ entry, resource: resources[index] }));
  const { type } = value;
  if (type === 'batch' || type === 'transaction') return { type, entries };
  const notReplayed = type === 'history' ? '; a history is not replayed' : '';
  throw badRequest(`Only a Bundle of type 'batch' or 'transaction' can be posted here${notReplayed}`, {
    expression: ['Bundle.type'],
  });
}

function entriesOf(entry: JsonValue | undefined): readonly JsonValue[] {
  if (entry === undefined) return [];
  if (!Array.isArray(entry)) throw badRequest('Bundle.entry must be an array', { expression: ['Bundle.entry'] });
  if (entry.length > maxEntries) throw tooCostly(`A Bundle may have at most ${maxEntries} entries`);
  return entry;
}
