import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';

/** Another way to say what a code means: in another language, or for another use. */
export interface Designation {
  readonly language?: string;
  readonly value: string;
  /** The Coding that says what it is for. */
  readonly use?: JsonObject;
}

/** The designations in a `designation` element; what has no value is left out. */
export function readDesignations(element: JsonValue | undefined): readonly Designation[] {
  if (!Array.isArray(element)) return none;
  return element.filter(isJsonObject).flatMap(({ language, value, use }) =>
    typeof value !== 'string'
      ? []
      : {
          value,
          ...(typeof language === 'string' ? { language } : {}),
          ...(isJsonObject(use) ? { use } : {}),
        },
  );
}

const none: readonly Designation[] = [];

/** Uses, by system and code, of designations that are shown in place of the display; others abbreviate or define. */
const displayUses: ReadonlySet<string> = new Set([
  'http://snomed.info/sct|900000000000003001',
  'http://terminology.hl7.org/CodeSystem/designation-usage|display',
  'http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra|preferredForLanguage',
]);

/**
 * How to show a code in a language (BCP 47): by the designation in that language, in one of its regions, or in what is left of
 * the tag without its last parts (https://www.rfc-editor.org/rfc/rfc4647#section-3.4), `de` for `de-DE`. One for another use
 * is taken when there is none to be shown. Undefined when there is none at all.
 */
export function inLanguage(designations: readonly Designation[], wanted: string): string | undefined {
  const tag = wanted.toLowerCase();
  let [best, bestRank]: [string | undefined, number] = [undefined, 0];
  for (const { language, use, value } of designations) {
    const near = nearness(language?.toLowerCase(), tag);
    const rank = near === 0 ? 0 : near + (isForDisplay(use) ? tag.length + beyondTag : 0);
    if (rank > bestRank) [best, bestRank] = [value, rank];
  }
  return best;
}

/** One more than the greatest nearness, without the length of the tag. */
const beyondTag = 3;

/** The greater the nearer; 0 for another language. Of shorter tags the longest is the nearest. */
function nearness(language: string | undefined, tag: string): number {
  if (language === undefined || language === '') return 0;
  if (language === tag) return tag.length + 2;
  if (language.startsWith(`${tag}-`)) return tag.length + 1;
  return tag.startsWith(`${language}-`) ? language.length : 0;
}

function isForDisplay(use: JsonObject | undefined): boolean {
  if (use === undefined) return true;
  const { system, code } = use;
  return typeof system === 'string' && typeof code === 'string' && displayUses.has(`${system}|${code}`);
}
