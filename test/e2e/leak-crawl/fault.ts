/**
 * Protections of the server, each with the words that take it away. They are put into a copy of the built server, so that
 * no switch exists in the product; words that do not stand there exactly once are an error, so none is lost when the
 * code changes.
 */
export interface Edit {
  /** Below `dist`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Fault {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The families of requests that must notice. */
  readonly families: readonly string[];
  /** True when it may change what the projects hold, so that the next fault needs others. */
  readonly writes?: boolean;
}

/** Where the parts of the built server are. */
export const store = 'libs/fhir-store/src/';
export const search = 'libs/fhir-search/src/';
export const policy = 'libs/access-policy/src/';
export const plane = 'apps/data-plane/src/';

/** A fault of one edit. */
export const fault = (
  name: string,
  families: readonly string[],
  file: string,
  find: string,
  replace: string,
): Fault => ({
  name,
  families,
  edits: [{ file, find, replace }],
});
