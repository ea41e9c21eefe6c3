import type { FhirVersion } from '#fhir';
import type { TokenHasher } from './token-hasher.js';
import { uriText } from './token-texts.js';

/** What a resource of `type` whose canonical `url` this is has among its tokens. */
export function canonicalToken(version: FhirVersion, hasher: TokenHasher, type: string, url: string): string {
  const parameter = version.searchParameters(type).get('url');
  if (parameter === undefined) throw new Error(`${type} has no search parameter 'url'.`);
  return hasher.hash(uriText(parameter.key, url));
}
