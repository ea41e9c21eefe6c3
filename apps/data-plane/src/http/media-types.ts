/** Media types as headers list them (RFC 9110 section 12.5.1, https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1). */

export interface MediaRange {
  /** Lower case and without parameters: `application/fhir+json`, `text/*`. */
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** 0 (never) to 1. */
  readonly quality: number;
}

/** Reads an Accept or Content-Type header. What is no media type is left out; quality is 1 unless it is said. */
export function parseMediaTypes(header: string): MediaRange[] {
  return header
    .split(',')
    .map((part) => readRange(part.split(';')))
    .filter((range) => range !== undefined);
}

function readRange([name = '', ...rest]: string[]): MediaRange | undefined {
  const type = name.trim().toLowerCase();
  if (!MEDIA_TYPE.test(type)) return undefined;
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const [key = '', ...value] = parameter.split('=');
    parameters.set(
      key.trim().toLowerCase(),
      value
        .join('=')
        .trim()
        .replace(/^"(.*)"$/, '$1'),
    );
  }
  const quality = Number(parameters.get('q') ?? 1);
  return { type, parameters, quality: quality >= 0 && quality <= 1 ? quality : 1 };
}

const MEDIA_TYPE = /^[\w!#$&^.+*-]+\/[\w!#$&^.+*-]+$/;

/** Whether a range (`text/*`, `image/png`, `*` + `/*`) includes a media type. */
export function includesType({ type: range }: MediaRange, type: string): boolean {
  return range === type || range === '*/*' || (range.endsWith('/*') && type.startsWith(range.slice(0, -1)));
}
