import { badRequest, readBundle, tooCostly, type JsonValue } from '#fhir';
import type { Caller } from '../caller.js';
import type { Context } from '../rights.js';
import { processBatch } from './batch.js';
import type { BundleContext, BundleOptions } from './bundle-context.js';
import type { Interactions } from './carry-out.js';
import { bundleText } from './presentation.js';
import { processTransaction } from './transaction-bundle.js';

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
  const { value, resources } = readBundle(text);
  if (value.resourceType !== 'Bundle') throw badRequest('The body must be a Bundle', { expression: ['resourceType'] });
  const entries = entriesOf(value.entry).map((entry, index) => ({ entry, resource: resources[index] }));
  const { extended = false, handling = 'strict', returns = 'representation', onRead = () => undefined } = options;
  const bundle: BundleContext = { baseUrl, extended, handling, returns };
  if (value.type === 'batch') {
    return bundleText(
      'batch-response',
      '',
      await processBatch(context, interactionsOf, entries, bundle, { ...options, onRead }),
    );
  }
  if (value.type === 'transaction') {
    return bundleText('transaction-response', '', await processTransaction(context, entries, bundle, onRead));
  }
  throw badRequest("Only a Bundle of type 'batch' or 'transaction' can be posted here", {
    expression: ['Bundle.type'],
  });
}

function entriesOf(entry: JsonValue | undefined): readonly JsonValue[] {
  if (entry === undefined) return [];
  if (!Array.isArray(entry)) throw badRequest('Bundle.entry must be an array', { expression: ['Bundle.entry'] });
  if (entry.length > maxEntries) throw tooCostly(`A Bundle may have at most ${maxEntries} entries`);
  return entry;
}
