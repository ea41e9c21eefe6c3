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

/** The designation in a language (BCP 47), or in one of its regions; undefined when there is none. */
export function inLanguage(designations: readonly Designation[], wanted: string): string | undefined {
  const tag = wanted.toLowerCase();
  const exact = designations.find(({ language }) => language?.toLowerCase() === tag);
  const near = exact ?? designations.find(({ language }) => language?.toLowerCase().startsWith(`${tag}-`));
  return near?.value;
}
