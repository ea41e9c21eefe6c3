/** What is asked for by `ValueSet/$expand` (https://hl7.org/fhir/R4/valueset-operation-expand.html). */
import {
  badRequest,
  type ExpansionWishes,
  type FhirVersion,
  invalidResource,
  isJsonObject,
  type JsonObject,
  parseCanonical,
} from '#fhir';
import type { TenantDatabase } from '#fhir-store';
import { assertOnly, assertTyped, oneFlag, oneText, type OperationInput } from '../operations/operation-input.js';

/** Which value set is meant: the stored one of that id, one by its canonical URL, or one that came with the request. */
export type ExpansionSubject =
  | { readonly kind: 'stored'; readonly id: string }
  | { readonly kind: 'canonical'; readonly canonical: string }
  | { readonly kind: 'sent'; readonly resource: JsonObject };

export interface ExpansionRequest {
  readonly subject: ExpansionSubject;
  readonly wishes: ExpansionWishes;
}

/** What is written about the codes that are wanted, and nothing else of the operation's many parameters. */
const parameters = [
  'url',
  'valueSet',
  'valueSetVersion',
  'filter',
  'offset',
  'count',
  'includeDesignations',
  'includeDefinition',
  'activeOnly',
  'excludeNested',
  'excludeNotForUI',
  'excludePostCoordinated',
  'displayLanguage',
];

const MAX_TEXT = 2_000;

/** The largest that there is (https://hl7.org/fhir/R4/datatypes.html#integer). */
const MAX_INTEGER = 2_147_483_647;

/**
 * Reads the input of a request; `id` is that of the address. Throws 400 for parameters that are unknown or wrong, for none or
 * several value sets, and for a sent one that is not valid.
 */
export function expansionRequest(
  { version }: Pick<TenantDatabase, 'version'>,
  received: OperationInput,
  id: string | undefined,
): ExpansionRequest {
  // A parameter without a value says nothing: SDKs send an empty filter when nothing has been typed yet.
  const isSaid = (value: unknown): boolean => typeof value !== 'string' || value.trim() !== '';
  const input: OperationInput = {
    ...received,
    texts: received.texts.filter(([, value]) => isSaid(value)),
    // Which resource is sent is looked at by itself.
    given: received.given.filter(({ name, content }) => name !== 'valueSet' && isSaid(content)),
  };
  assertOnly(input, parameters);
  for (const definition of version.operations()) {
    if (definition.code === 'expand' && definition.resource?.includes('ValueSet') === true)
      assertTyped(input, definition);
  }
  // A URL or a text in its place is no value set, and would be taken for none.
  if (input.texts.some(([name]) => name === 'valueSet')) throw wrong('valueSet', 'takes a ValueSet');
  const tooLong = input.texts.find(([, value]) => value.length > MAX_TEXT);
  if (tooLong !== undefined) throw wrong(tooLong[0], `takes at most ${MAX_TEXT} characters`);
  // Answers are never nested, and no system here has codes that are put together; both are checked all the same.
  oneFlag(input, 'excludeNested');
  oneFlag(input, 'excludePostCoordinated');
  const subject = subjectOf(version, input, id);
  if (subject.kind === 'sent') {
    const issues = version.validate(subject.resource);
    if (issues.length > 0) throw invalidResource(issues);
  }
  return { subject, wishes: wishesOf(input) };
}

function subjectOf(version: FhirVersion, input: OperationInput, id: string | undefined): ExpansionSubject {
  const url = oneText(input, 'url');
  const asked = oneText(input, 'valueSetVersion');
  const sent = [input.body, ...input.objects.filter(([name]) => name === 'valueSet').map(([, value]) => value)].filter(
    isJsonObject,
  );
  const [resource] = sent;
  const count = sent.length + Number(url !== undefined) + Number(id !== undefined);
  if (count !== 1) {
    const text =
      "Name one value set: by the id of a stored one in the address, by 'url', or by sending it as 'valueSet'.";
    throw badRequest(text, { code: count === 0 ? 'required' : 'invalid', expression: ['url'] });
  }
  if (asked !== undefined && url === undefined) throw wrong('valueSetVersion', "goes with 'url'");
  if (id !== undefined) return { kind: 'stored', id };
  if (url === undefined) {
    if (resource?.resourceType !== 'ValueSet') throw wrong('valueSet', 'takes a ValueSet');
    return { kind: 'sent', resource };
  }
  const { version: named = asked, ...canonical } = parseCanonical(url);
  if (asked !== undefined && named !== asked) throw wrong('valueSetVersion', "names another version than 'url'");
  return { kind: 'canonical', canonical: named === undefined ? canonical.url : `${canonical.url}|${named}` };
}

function wishesOf(input: OperationInput): ExpansionWishes {
  return {
    ...given('filter', oneText(input, 'filter')),
    ...given('offset', oneNumber(input, 'offset')),
    ...given('count', oneNumber(input, 'count')),
    ...given('displayLanguage', oneText(input, 'displayLanguage')),
    ...flag(input, 'activeOnly'),
    ...flag(input, 'excludeNotForUI'),
    ...flag(input, 'includeDesignations'),
    ...flag(input, 'includeDefinition'),
  };
}

const given = <Name extends string, Value>(name: Name, value: Value | undefined): Partial<Record<Name, Value>> =>
  value === undefined ? {} : ({ [name]: value } as Record<Name, Value>);

function flag<Name extends string>(input: OperationInput, name: Name): Partial<Record<Name, boolean>> {
  return oneText(input, name) === undefined ? {} : given(name, oneFlag(input, name));
}

function oneNumber(input: OperationInput, name: string): number | undefined {
  const text = oneText(input, name);
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text)) throw wrong(name, 'takes a whole number that is not negative');
  if (Number(text) > MAX_INTEGER) throw wrong(name, `takes at most ${MAX_INTEGER}`);
  return Number(text);
}

const wrong = (name: string, what: string): Error =>
  badRequest(`'${name}' ${what}.`, { code: 'value', expression: [name] });
