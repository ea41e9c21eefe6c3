/**
 * Judges a resource in memory by the criteria of a search: what the statements of this lib ask of the index, asked of
 * the resource itself. It serves resources that stand in no index (definitions, a resource that is about to be written)
 * and is the judge of the statements in tests, so it works on the values of the resource and makes no index rows: it
 * shares with them only how values are found, texts normalised and cut into words, and units converted.
 */
import {
  isJsonObject,
  type FhirVersion,
  type JsonObject,
  type JsonValue,
  type SearchParameter,
  type TypedValue,
} from '#fhir';
import type { CombiningCriterion, Criterion, CriterionParameter, TypeCriteria } from '../search-request.js';
import { matchesComposite } from './composites.js';
import { matchesDate } from './dates.js';
import { matchesNumber } from './numbers.js';
import { matchesQuantity } from './quantities.js';
import { addresses, matchesReference, matchesReferenceIdentifier, referenceText } from './references.js';
import { matchesString } from './strings.js';
import { matchesDisplay, matchesWords } from './texts.js';
import { matchesToken, matchesTypedIdentifier } from './tokens.js';
import { matchesUri } from './uris.js';

/** What a judgement may depend on besides the resource. */
export interface MatchContext {
  /** Base URLs of the project's FHIR API, each ending in a slash: references below them are local ones. */
  readonly ownBaseUrls?: readonly string[];
  /** The resources that other criteria than those on the resource itself may look at; only current, undeleted ones. */
  readonly others?: {
    /** What a reference to `type/id` leads to. */
    find(type: string, id: string): JsonObject | undefined;
    ofType(type: string): Iterable<JsonObject>;
  };
}

/**
 * Whether `resource` (of a type that `version` has) satisfies all `criteria`, which were parsed for its type. Elements
 * of an unexpected form match nothing; nothing is thrown for them. Implements the matching rules of
 * https://hl7.org/fhir/R4/search.html. Throws when a chain, `_has` or `_list` is asked without `others` in the context:
 * to leave such a criterion out would let through what it forbids.
 */
export function matchesCriteria(
  version: FhirVersion,
  criteria: readonly Criterion[],
  resource: JsonObject,
  context: MatchContext = {},
): boolean {
  return holdAll(criteria, { version, resource, context });
}

/** A resource that is being judged, and what is known around it. */
interface Subject {
  readonly version: FhirVersion;
  readonly resource: JsonObject;
  readonly context: MatchContext;
}

const holdAll = (criteria: readonly Criterion[], subject: Subject): boolean =>
  criteria.every((criterion) => holds(criterion, subject));

function holds(criterion: Criterion, subject: Subject): boolean {
  switch (criterion.kind) {
    case 'id':
      return criterion.ids.includes(textOf(subject.resource['id'])) !== criterion.negated;
    case 'last-updated':
      return matchesDate(criterion.tests, lastUpdatedOf(subject.resource));
    case 'missing':
      return isMissing(criterion.parameter, subject) === criterion.missing;
    case 'token':
      return some(criterion, subject, (found) => matchesToken(criterion.values, found)) !== criterion.negated;
    case 'string':
      return some(criterion, subject, (found) => matchesString(criterion.match, criterion.values, found));
    case 'date':
      return some(criterion, subject, (found) => matchesDate(criterion.tests, found));
    case 'reference':
      return some(criterion, subject, (found) => matchesReference(criterion.targets, found, subject.context));
    case 'reference-identifier':
      return some(criterion, subject, (found) => matchesReferenceIdentifier(criterion.values, found));
    case 'uri':
      return some(criterion, subject, (found) => matchesUri(criterion.match, criterion.values, found));
    case 'number':
      return some(criterion, subject, (found) => criterion.tests.some((test) => matchesNumber(test, found)));
    case 'quantity':
      return some(criterion, subject, (found) => criterion.tests.some((test) => matchesQuantity(test, found)));
    case 'composite': {
      const parameter = parameterOf(criterion.parameter, subject);
      return (
        parameter !== undefined && matchesComposite(parameter, criterion.values, subject.resource, subject.context)
      );
    }
    case 'of-type':
      return some(criterion, subject, (found) => matchesTypedIdentifier(criterion.values, found));
    case 'display':
      return some(criterion, subject, (found) => matchesDisplay(criterion.values, found));
    case 'full-text':
      return matchesWords(criterion.in, criterion.values, subject.resource);
    case 'list':
      return criterion.lists.some((list) => isListed(othersOf(subject).find('List', list), subject));
    case 'and':
    case 'or':
    case 'not':
    case 'chain':
    case 'embedded':
    case 'has':
    case 'compartment':
      return holdsCombined(criterion, subject);
  }
}

function holdsCombined(criterion: CombiningCriterion, subject: Subject): boolean {
  switch (criterion.kind) {
    case 'and':
      return holdAll(criterion.criteria, subject);
    case 'or':
      return criterion.criteria.some((alternative) => holds(alternative, subject));
    case 'not':
      return !holds(criterion.criterion, subject);
    case 'chain':
      return some(criterion, subject, (found) => criterion.targets.some((target) => leadsTo(target, found, subject)));
    case 'embedded':
      return some(criterion, subject, ({ type, value }) => {
        const target = criterion.targets.find((one) => one.type === type);
        return target !== undefined && isJsonObject(value) && holdAll(target.criteria, { ...subject, resource: value });
      });
    case 'has': {
      const self = identityOf(subject.resource);
      for (const resource of othersOf(subject).ofType(criterion.source.type)) {
        const source = { ...subject, resource };
        const refersHere = (found: TypedValue) => matchesReference([self], found, subject.context);
        if (some(criterion, source, refersHere) && holdAll(criterion.source.criteria, source)) return true;
      }
      return false;
    }
    case 'compartment':
      if (criterion.includesOwner && identityOf(subject.resource) === criterion.owner) return true;
      return criterion.parameters.some((parameter) =>
        some({ parameter }, subject, (found) => matchesReference([criterion.owner], found, subject.context)),
      );
  }
}

/** Whether the reference leads to a resource of the project that is of the target's type and satisfies its criteria. */
function leadsTo({ type, criteria }: TypeCriteria, found: TypedValue, subject: Subject): boolean {
  const text = referenceText(found);
  if (text === undefined) return false;
  return addresses(text, subject.context.ownBaseUrls).some((address) => {
    const [targetType, id, ...rest] = address.split('/');
    if (targetType !== type || id === undefined || rest.length > 0) return false;
    const resource = othersOf(subject).find(type, id);
    return resource !== undefined && holdAll(criteria, { ...subject, resource });
  });
}

/** Whether the resource is a current member of the list; its former members have entries that say so. */
function isListed(list: JsonObject | undefined, { resource, context }: Subject): boolean {
  const entries = Array.isArray(list?.['entry']) ? list['entry'].filter(isJsonObject) : [];
  return entries.some(
    ({ item, deleted }) =>
      deleted !== true && matchesReference([identityOf(resource)], { type: 'Reference', value: item ?? null }, context),
  );
}

function othersOf({ context }: Subject): NonNullable<MatchContext['others']> {
  if (context.others === undefined)
    throw new Error('Chains, _has and _list can be judged only where other resources are known.');
  return context.others;
}

/** Whether one of the values that the criterion's parameter finds satisfies `test`. */
const some = (
  { parameter }: { readonly parameter: CriterionParameter },
  subject: Subject,
  test: (value: TypedValue) => boolean,
): boolean => valuesOf(parameter, subject).some(test);

const valuesOf = (parameter: CriterionParameter, subject: Subject): TypedValue[] =>
  parameterOf(parameter, subject)?.evaluate(subject.resource) ?? [];

const parameterOf = ({ code }: CriterionParameter, { version, resource }: Subject): SearchParameter | undefined =>
  version.searchParameters(textOf(resource['resourceType'])).get(code);

function isMissing(parameter: CriterionParameter, subject: Subject): boolean {
  // What the server gives every resource is never missing, even before the server has given it.
  if (parameter.code === '_id' || parameter.code === '_lastUpdated') return false;
  return valuesOf(parameter, subject).length === 0;
}

const identityOf = ({ resourceType, id }: JsonObject): string => `${textOf(resourceType)}/${textOf(id)}`;

const textOf = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');

function lastUpdatedOf({ meta }: JsonObject): TypedValue {
  return { type: 'instant', value: isJsonObject(meta) ? (meta['lastUpdated'] ?? null) : null };
}
