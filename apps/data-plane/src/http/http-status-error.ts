/** A refusal that is about HTTP itself, not about FHIR: an address, a media type or a method. Its text stands in `status-codes.ts`. */
export class HttpStatusError extends Error {
  override readonly name = 'HttpStatusError';

  constructor(
    readonly status: 400 | 405 | 406 | 414 | 415 | 416,
    /** What its answer says besides, by names of headers: a 405, for one, the methods that the resource does have. */
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(`HTTP ${status}`);
  }
}
