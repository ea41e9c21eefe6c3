import { type FhirVersion, OutcomeError, type SearchParameter } from '#fhir';
import { parseSearch } from '#fhir-search';

/** A value of each type, to ask the search with. */
const samples: Record<SearchParameter['type'], string> = {
  token: 'a',
  string: 'a',
  reference: 'Patient/a',
  date: '2020',
  number: '1',
  quantity: '1',
  uri: 'urn:a',
  composite: 'a',
  special: 'a',
};

/**
 * The parameters by which resources of the type can be searched, as the search itself says: what it refuses as not
 * supported is left out.
 */
export function searchableParameters(version: FhirVersion, type: string): SearchParameter[] {
  return [...version.searchParameters(type).values()].filter((parameter) => isSupported(version, type, parameter));
}

function isSupported(version: FhirVersion, type: string, { code, type: kind }: SearchParameter): boolean {
  try {
    parseSearch(version, type, [[code, samples[kind]]], { handling: 'strict' });
    return true;
  } catch (error) {
    // Another complaint is about the sample, which shows that the parameter is known.
    if (error instanceof OutcomeError) return error.issues.every((issue) => issue.code !== 'not-supported');
    throw error;
  }
}
