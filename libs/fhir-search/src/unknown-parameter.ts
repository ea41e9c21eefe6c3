import type { SearchParameter } from '#fhir';

/**
 * A name that is no search parameter where it stands. Whether that is an error or the parameter is left out is for the
 * client to say (`Prefer: handling=`), so it is caught where whole parameters are read.
 */
export class UnknownParameter extends Error {
  override readonly name = 'UnknownParameter';
}

/** The parameter of that code. Throws UnknownParameter when the type has none. */
export function parameterOf(
  parameters: ReadonlyMap<string, SearchParameter>,
  type: string,
  code: string,
): SearchParameter {
  const parameter = parameters.get(code);
  if (parameter === undefined) throw new UnknownParameter(`${type} has no search parameter '${code}'.`);
  return parameter;
}
