/** Single resources: by id, and what a Reference points to (https://hl7.org/fhir/R4/graphql.html#references). */
import type { GraphQLFieldResolver } from 'graphql';
import { badRequest, forbidden, isJsonObject, notFound, OutcomeError, type JsonObject } from '#fhir';
import { affordable } from './elements.js';
import type { GraphqlContext } from './graphql-context.js';
import { localReference } from './local-reference.js';
import { containedResource } from './resource-objects.js';

type Resolver<Args> = GraphQLFieldResolver<unknown, GraphqlContext, Args>;

/** `Patient(id: …)` at the root of a query. What cannot be shown is an error. */
export function resolveRead(type: string): Resolver<{ id: string }> {
  return (_source, { id }, context) => context.references.load({ type, id });
}

/** The field `resource` of a Reference. */
export const resolveReference: Resolver<{ type?: string | null; optional?: boolean | null }> = async (
  source,
  { type, optional },
  context,
  info,
) => {
  if (context.budget.isExceeded) return null;
  if (type && !context.source.version.isResourceType(type)) {
    throw badRequest(`'${type}' is not a resource type.`, { code: 'value' });
  }
  try {
    const found = await targetOf(source, type ?? undefined, context);
    return type && found?.resourceType !== type ? null : affordable(found, context, info);
  } catch (error) {
    if (optional && error instanceof OutcomeError && cannotBeShown.has(error.category)) return null;
    throw error;
  }
};

const cannotBeShown = new Set<OutcomeError['category']>([
  notFound().category,
  forbidden().category,
  'gone',
  'not-supported',
]);

async function targetOf(
  reference: unknown,
  onlyType: string | undefined,
  context: GraphqlContext,
): Promise<JsonObject | undefined> {
  if (!isJsonObject(reference)) return undefined;
  const text = reference.reference;
  if (typeof text !== 'string') throw unresolvable('It names no resource.');
  if (text.startsWith('#')) return containedResource(reference, text.slice(1)) ?? missing();
  const local = localReference(text, context.source.ownBaseUrls);
  if (local === undefined) throw unresolvable('It leads out of this project.');
  if (local.isVersioned) throw unresolvable('It names one version of a resource.');
  if (onlyType !== undefined && local.type !== onlyType) return undefined;
  return context.references.load({ type: local.type, id: local.id });
}

function missing(): never {
  throw notFound();
}

const unresolvable = (reason: string): OutcomeError =>
  new OutcomeError('not-supported', [
    { severity: 'error', code: 'not-supported', text: `The reference cannot be resolved. ${reason}` },
  ]);
