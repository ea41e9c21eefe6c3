/** What of a resource counts as words for `_text` and `_content` (https://hl7.org/fhir/R4/search.html#content). */
import { isJsonObject, type JsonObject, type JsonValue } from '#fhir';
import { wordsOf } from './words.js';

export interface ContentWords {
  /** Of the narrative, without its markup. */
  readonly narrative: string[];
  /** Of all other texts. Addresses, references, dates and binary content are no texts. */
  readonly others: string[];
}

/** The distinct words of `resource`. */
export function contentWords(resource: JsonObject): ContentWords {
  const { text } = resource;
  const narrative = isJsonObject(text) && typeof text['div'] === 'string' ? withoutMarkup(text['div']) : '';
  const texts: string[] = [];
  for (const name in resource) if (name !== 'text') collectMember(name, resource[name], texts);
  return { narrative: wordsOf(narrative), others: wordsOf(texts.join(' ')) };
}

/** Members that identify, whatever they hold. */
const identities = new Set(['resourceType', 'id', 'meta', 'reference', 'system', 'data']);

function collectTexts(value: JsonValue, texts: string[]): void {
  if (typeof value === 'string') {
    if (!isNoText.test(value)) texts.push(value);
  } else if (Array.isArray(value)) {
    for (const item of value) collectTexts(item, texts);
  } else if (isJsonObject(value)) {
    for (const name in value) collectMember(name, value[name], texts);
  }
}

function collectMember(name: string, value: JsonValue | undefined, texts: string[]): void {
  if (value !== undefined && !identities.has(name)) collectTexts(value, texts);
}

/** A uri, a reference to a resource, or a date. */
const isNoText = /^(?:[a-z][a-z0-9+.-]*:\S+|[A-Z][A-Za-z]+\/\S+|\d{4}-\d\d(?:-\d\d(?:T\S+)?)?)$/;

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

function withoutMarkup(html: string): string {
  return (
    html
      // A tag ends before the next one begins, so that no character is looked at twice.
      .replace(/<[^<>]*>/g, ' ')
      .replace(
        /&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|([a-z]+));/g,
        (entity, decimal?: string, hex?: string, name?: string) => {
          if (name !== undefined) return entities[name] ?? entity;
          const point = decimal === undefined ? parseInt(hex ?? '', 16) : Number(decimal);
          return point <= 0x10ffff ? String.fromCodePoint(point) : ' ';
        },
      )
  );
}
