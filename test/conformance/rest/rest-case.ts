/**
 * One conversation with the server: requests in order, each with what its answer must be. Wherever a text holds
 * `{{name}}`, the value of that name stands in its place: `{{unique}}` (a text that no other case has), `{{base}}` (the
 * FHIR base URL with a slash at its end), and what earlier steps have saved.
 */
export interface RestCase {
  /** What must happen, as a sentence. */
  readonly title: string;
  /** The section of the standard that says so. */
  readonly spec: string;
  readonly steps: readonly RestStep[];
  /** Labels of the FHIR versions to which the case applies; all of them when left out. */
  readonly versions?: readonly string[];
}

export interface RestStep {
  /** `GET Patient/1`: the method, and the URL behind the base. */
  readonly send: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A resource or other JSON, or a text that is sent as it stands. */
  readonly body?: unknown;
  /** The content type of the body where it is not `application/fhir+json`. */
  readonly type?: string;
  readonly status: number;
  /** Exact values of headers; a regular expression is written between slashes; null: the header must be absent. */
  readonly answerHeaders?: Readonly<Record<string, string | null>>;
  /** Members that the JSON of the answer must have. */
  readonly answer?: unknown;
  /** The answer's text, exactly. */
  readonly answerText?: string;
  /** Ids of the resources in a Bundle's entries, in order. */
  readonly ids?: readonly string[];
  /** The code of the first issue, and the element that it names. */
  readonly issue?: { readonly code?: string; readonly expression?: string };
  /** Values for later steps, by name: `body.` or `header.` and a path, such as `body.entry.0.resource.id`. */
  readonly save?: Readonly<Record<string, string>>;
}
