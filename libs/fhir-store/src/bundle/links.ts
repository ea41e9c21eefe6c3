/**
 * Links between the entries of a transaction (https://hl7.org/fhir/R4/http.html#trules): where a resource points to the
 * fullUrl of another entry, the stored text points to the resource that the entry became. Only whole values are links, and
 * only where FHIR has links, which the version's definitions tell: in Reference.reference, in elements of type uri and url,
 * and in `href` and `src` of a narrative. Never in canonicals, strings and codes, which may say the same by chance, and
 * never in the names of systems and definitions. (An oid or a uuid could not be replaced: an address is neither.)
 */
import { elementPlaces, type FhirVersion } from '#fhir';
import { endOfString } from '../json-strings.js';

/** Where a link stands: in Reference.reference, in an element of type url or uri, in a narrative. */
export type LinkPlace = 'reference' | 'url' | 'uri' | 'narrative';

/** The entry that a link leads to. */
export interface LinkTarget {
  /** Whether its fullUrl at such a place means the entry. */
  isMeantIn(place: LinkPlace): boolean;
  /** What is to stand there; `isVersioned` when the link names a version. Undefined leaves it as it is. */
  address(isVersioned: boolean): string | undefined;
}

export interface LinkTargets {
  /** Whether there are entries whose fullUrl is an address, and no `urn:…`. */
  readonly haveAddresses: boolean;
  /** The entry with this fullUrl. */
  find(link: string): LinkTarget | undefined;
  /** The reference that a conditional one, `Type?query` as Reference.reference, stands for. */
  resolveCondition(condition: string): string | undefined;
}

/** A string that may be a link: [start, end) with its quotes. */
interface Candidate {
  readonly start: number;
  readonly end: number;
  /** The place, when it can be told by the text next to it. */
  readonly place?: LinkPlace;
  /** The text to stand there if it is a link at this place, with quotes. */
  readonly replacement: (place: LinkPlace) => string | undefined;
}

/**
 * `text` (a resource in normal form) with its links replaced; everything else keeps its characters. Of a text without any
 * link only the places where links can begin are looked at.
 */
export function rewriteLinks(
  version: Pick<FhirVersion, 'structure' | 'isResourceType'>,
  text: string,
  targets: LinkTargets,
): string {
  const candidates = [...references(text, targets), ...uris(text, targets), ...narratives(text, targets)];
  if (candidates.length === 0) return text;
  candidates.sort((one, other) => one.start - other.start);
  const places = linkPlaces(version, text, candidates);
  let rewritten = '';
  let copied = 0;
  for (const [index, { start, end, replacement }] of candidates.entries()) {
    const place = places[index];
    const replaced = place && replacement(place);
    if (replaced === undefined) continue;
    rewritten += text.slice(copied, start) + replaced;
    copied = end;
  }
  return rewritten + text.slice(copied);
}

/** Where the candidates stand; undefined where FHIR has no links. */
function linkPlaces(
  version: Pick<FhirVersion, 'structure' | 'isResourceType'>,
  text: string,
  candidates: readonly Candidate[],
): (LinkPlace | undefined)[] {
  const mayHoldBundle = text.includes('"resourceType":"Bundle"');
  if (!mayHoldBundle && candidates.every(({ place }) => place !== undefined))
    return candidates.map(({ place }) => place);
  return elementPlaces(version, text, candidates).map(({ holder, member, isInBundle }, index) => {
    // The links inside a stored Bundle lead to that Bundle's own entries.
    if (mayHoldBundle && isInBundle) return undefined;
    const known = candidates[index]?.place;
    if (known !== undefined) return known;
    if (holder === 'Reference' && member === 'reference') return 'reference';
    const type = version.structure(holder)?.find(({ name }) => name === member)?.type;
    if (type === 'url') return 'url';
    return type === 'uri' && !names.has(member) ? 'uri' : undefined;
  });
}

/** Members of type uri that say what something is called, and never where it is. */
const names: ReadonlySet<string> = new Set([
  // Code systems and identifier systems, of which many are called `urn:oid:…`.
  ...['system', 'source', 'target', 'issuer', 'jurisdiction'],
  // Canonical resources, extensions, expansions, and what definitions fix.
  ...['url', 'identifier', 'type', 'code', 'property', 'uri', 'fixedUri', 'patternUri', 'implicitRules'],
]);

const quote = 0x22;
const colon = 0x3a;
const backslash = 0x5c;

const referenceName = '"reference":';
const urn = 'urn:';

/** The values of members called `reference`; that of a Reference is a string, and so are a few of type uri or url. */
function* references(text: string, targets: LinkTargets): Generator<Candidate> {
  for (const start of valuesOf(text, 'reference')) {
    const end = endOfString(text, start);
    const link = stringAt(text, start, end);
    if (isConditionalReference(link)) {
      yield { start, end, place: 'reference', replacement: () => literal(targets.resolveCondition(link)) };
      continue;
    }
    const found = linkTo(link, targets);
    // A name of this form means the same in all of them.
    if (found !== undefined) {
      yield { start, end, replacement: found, ...(link.startsWith(urn) && { place: 'reference' }) };
    }
  }
}

/** Strings that are a `urn:…`, and addresses in members called `url`. */
function* uris(text: string, targets: LinkTargets): Generator<Candidate> {
  for (let at = text.indexOf(urn); at !== -1; at = text.indexOf(urn, at + urn.length)) {
    const start = at - 1;
    // A quote inside a string is escaped.
    if (text.charCodeAt(start) !== quote || text.charCodeAt(start - 1) === backslash) continue;
    if (text.endsWith(referenceName, start)) continue;
    const end = endOfString(text, start);
    if (text.charCodeAt(end) === colon) continue;
    const found = linkTo(stringAt(text, start, end), targets);
    if (found !== undefined) yield { start, end, replacement: found };
  }
  if (!targets.haveAddresses) return;
  for (const start of valuesOf(text, 'url')) {
    if (text.startsWith(urn, start + 1)) continue;
    const end = endOfString(text, start);
    const found = linkTo(stringAt(text, start, end), targets);
    if (found !== undefined) yield { start, end, replacement: found };
  }
}

function* narratives(text: string, targets: LinkTargets): Generator<Candidate> {
  for (const start of valuesOf(text, 'div')) {
    const end = endOfString(text, start);
    const replaced = rewriteNarrative(text.slice(start, end), targets);
    if (replaced !== undefined) yield { start, end, place: 'narrative', replacement: () => replaced };
  }
}

/** The quotes of attributes are escaped in a JSON string, unless they are single ones. */
const narrativeLink = /\b((?:href|src)\s*=\s*(?:\\"|'))([^"'\\]+)/g;

function rewriteNarrative(narrative: string, targets: LinkTargets): string | undefined {
  const rewritten = narrative.replace(narrativeLink, (whole: string, before: string, link: string) => {
    const replaced = linkTo(link, targets)?.('narrative');
    return replaced === undefined ? whole : before + replaced.slice(1, -1);
  });
  return rewritten === narrative ? undefined : rewritten;
}

const versionForm = /\/_history\/[A-Za-z0-9\-.]{1,64}$/;

/** What is to stand in the place of a link to an entry, which may name a version and a fragment; undefined when it is none. */
function linkTo(link: string, targets: LinkTargets): Candidate['replacement'] | undefined {
  const hash = link.indexOf('#');
  const whole = hash === -1 ? link : link.slice(0, hash);
  const address = whole.includes('/_history/') ? whole.replace(versionForm, '') : whole;
  const target = targets.find(address);
  if (target === undefined) return undefined;
  return (place) => {
    const replaced = target.isMeantIn(place) ? target.address(address !== whole) : undefined;
    return replaced === undefined ? undefined : literal(replaced + link.slice(whole.length));
  };
}

/**
 * Where the values begin that are strings of members with this name. Measured: without its first quote, of which a text is
 * full, a name is found several times as quickly.
 */
function* valuesOf(text: string, name: string): Generator<number> {
  const rest = `${name}":"`;
  for (let at = text.indexOf(rest); at !== -1; at = text.indexOf(rest, at + rest.length)) {
    if (text.charCodeAt(at - 1) === quote) yield at + rest.length - 1;
  }
}

function stringAt(text: string, start: number, end: number): string {
  const string = text.slice(start, end);
  return string.includes('\\') ? (JSON.parse(string) as string) : string.slice(1, -1);
}

const literal = (value: string | undefined): string | undefined =>
  value === undefined ? undefined : JSON.stringify(value);

const conditionalForm = /^[A-Z][A-Za-z]{0,63}\?/;
const conditionalInText = /"reference":"[A-Z][A-Za-z]{0,63}\?/;

/** Whether a Reference.reference is a search that stands for the resource it finds. */
const isConditionalReference = (reference: string): boolean => conditionalForm.test(reference);

/** Whether a resource in normal form has a conditional reference. */
export const hasConditionalReference = (text: string): boolean => conditionalInText.test(text);

/** The FHIR base URL that a RESTful fullUrl starts with: `https://x/fhir/` of `https://x/fhir/Patient/1`. */
export function baseOfFullUrl(fullUrl: string | undefined): string | undefined {
  return /^(https?:\/\/.+\/)[A-Z][A-Za-z]{0,63}\/[A-Za-z0-9\-.]{1,64}$/.exec(fullUrl ?? '')?.[1];
}
