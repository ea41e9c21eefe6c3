import type { TerminologyResource } from '../definitions/terminology-archive.js';

export interface KnownTypes {
  /** FHIR's own. */
  readonly standard: readonly string[];
  readonly platform: readonly string[];
}

/** The address under which the SDK of the applications looks for the resource types there are; it takes no other. */
const address = (kind: string): string => `https://medplum.com/fhir/${kind}/resource-types`;

/** The platform's value sets and code systems: the types of resources that a project can hold, by their names. */
export function platformTerminology({ standard, platform }: KnownTypes): TerminologyResource[] {
  const concepts = (codes: readonly string[]) => codes.map((code) => ({ code, display: code }));
  const valueSet = {
    resourceType: 'ValueSet',
    url: address('ValueSet'),
    name: 'ResourceTypes',
    title: 'Resource types',
    status: 'active',
    compose: {
      include: [
        { system: 'http://hl7.org/fhir/resource-types', concept: concepts(standard) },
        { system: address('CodeSystem') },
      ],
    },
  };
  const codeSystem = {
    resourceType: 'CodeSystem',
    url: address('CodeSystem'),
    name: 'PlatformResourceTypes',
    title: "The platform's resource types",
    status: 'active',
    content: 'complete',
    concept: concepts(platform),
  };
  return [
    { type: 'ValueSet', url: valueSet.url, text: () => JSON.stringify(valueSet) },
    { type: 'CodeSystem', url: codeSystem.url, text: () => JSON.stringify(codeSystem) },
  ];
}
