/**
 * Resources of which a part is shown: `_summary` and `_elements` (https://hl7.org/fhir/R4/search.html#summary,
 * #elements). The text of a stored body is cut between its members, and what is kept keeps its characters.
 */
import { memberName, spansOf, type FhirVersion } from '#fhir';
import type { ShownParts } from './search-request.js';

/**
 * Says that the resource is not whole, so that nobody writes it back (https://hl7.org/fhir/R4/search.html#subsetted): by
 * the system of the standard's value set, and by the older one that clients of Medplum put there themselves.
 */
const tags = ['http://terminology.hl7.org/CodeSystem/v3-ObservationValue', 'http://hl7.org/fhir/v3/ObservationValue']
  .map((system) => JSON.stringify({ system, code: 'SUBSETTED' }))
  .join(',');

/** What every answer has, whatever it is asked for: the identity, and `meta` with the accounts that an app may write. */
const always = ['resourceType', 'id', 'meta'];

/**
 * The text of `body` (a resource of `type` in normal form) with the members that `shown` asks for and those that a
 * resource of its type must have; where elements are named, also with those that may change what they mean, in every
 * version: R5 asks for it, and R4 lets a server show more than was named. Anything but the whole gets the tag SUBSETTED.
 */
export function showParts(version: FhirVersion, type: string, body: string, shown: ShownParts): string {
  if (shown.kind === 'all') return body;
  const isShown = memberTest(version, type, shown);
  const members = spansOf(body).flatMap((span) => {
    const name = memberName(body, span);
    if (name === 'meta') return [`"meta":${withTag(body.slice(span.value, span.end))}`];
    // The extensions of a primitive element stand beside it under its name with an underscore.
    return isShown(name.startsWith('_') ? name.slice(1) : name) ? [body.slice(span.start, span.end)] : [];
  });
  return `{${members.join(',')}}`;
}

/** The element of a resource of `type` at which a path of `_elements` begins. */
export function elementOf(type: string, path: string): string {
  const [element = ''] = (path.startsWith(`${type}.`) ? path.slice(type.length + 1) : path).split('.', 1);
  return element;
}

function memberTest(
  version: FhirVersion,
  type: string,
  shown: Exclude<ShownParts, { kind: 'all' }>,
): (name: string) => boolean {
  if (shown.kind === 'data') return (name) => name !== 'text';
  const members = new Set([...always, ...version.mandatoryElements(type)]);
  if (shown.kind === 'text') members.add('text');
  if (shown.kind === 'summary') for (const name of version.summaryElements(type)) members.add(name);
  if (shown.kind !== 'elements') return (name) => members.has(name);
  for (const name of version.modifierElements(type)) members.add(name);

  const structure = version.structure(type) ?? [];
  for (const path of shown.elements) {
    const element = elementOf(type, path);
    members.add(element);
    // `value` stands for `valueQuantity` and all its other forms.
    for (const { name, choice } of structure) if (choice === element) members.add(name);
  }
  return (name) => members.has(name);
}

function withTag(meta: string): string {
  const members = spansOf(meta).map((span) => {
    if (memberName(meta, span) !== 'tag') return meta.slice(span.start, span.end);
    const own = meta.slice(span.value + 1, span.end - 1);
    return `"tag":[${own === '' ? tags : `${own},${tags}`}]`;
  });
  if (!members.some((member) => member.startsWith('"tag":'))) members.push(`"tag":[${tags}]`);
  return `{${members.join(',')}}`;
}
