import { DomainError } from '#platform';

/** A version by its number and the short name that FHIR gives it. */
export interface FhirVersionName {
  id: string;
  label: string;
}

/** The versions in which a project can be made: those for which the data plane has definitions. */
export const supportedFhirVersions: readonly FhirVersionName[] = [
  { id: '4.0.1', label: 'R4' },
  { id: '4.3.0', label: 'R4B' },
  { id: '5.0.0', label: 'R5' },
];

/** The number of the version that `text` names by number or label; `unsupported-fhir-version` when we have no such. */
export function resolveFhirVersion(text: string): string {
  const found = supportedFhirVersions.find(({ id, label }) => id === text || label === text);
  if (found !== undefined) return found.id;
  const supported = supportedFhirVersions.map(({ id, label }) => `${id} (${label})`).join(', ');
  throw new DomainError(
    'unprocessable',
    'unsupported-fhir-version',
    `This FHIR version is not supported. Supported: ${supported}.`,
    { details: { supported: supportedFhirVersions } },
  );
}
