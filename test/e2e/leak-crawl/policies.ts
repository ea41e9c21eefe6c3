/** The policies of the members who crawl. */
import type { JsonObject } from '#fhir';

/** What the crawling member must not know of their own patients. */
export const hiddenPatientFields = ['birthDate', 'telecom', 'maritalStatus', 'contact.name'] as const;

/** Types of which the crawling member may do nothing at all. Others refer to them and are referred to by them. */
export const closedTypes: readonly string[] = ['AllergyIntolerance', 'MedicationRequest', 'Immunization'];

/** Types that are only searched, only read, or written blindly, each with the interactions that are granted. */
export const partialTypes: Readonly<Record<string, readonly string[]>> = {
  Procedure: ['search'],
  Condition: ['read', 'vread', 'history'],
  Goal: ['read', 'search'],
};

/** Everything of one organization, with most kinds of rule that there are. */
export function clinicPolicy(types: readonly string[]): JsonObject {
  const filed = (type: string, more: JsonObject = {}): JsonObject => ({
    resourceType: type,
    criteria: `${type}?_compartment=%organization`,
    ...more,
  });
  const particular: Record<string, readonly JsonObject[]> = {
    Organization: [{ resourceType: 'Organization', criteria: 'Organization?_id=%organization', readonly: true }],
    Patient: [filed('Patient', { hiddenFields: [...hiddenPatientFields] })],
    Observation: [filed('Observation', { readonlyFields: ['note'] })],
    Encounter: [filed('Encounter', { readonly: true })],
    // Only these two together would show everything, if the first were taken for a rule about searching.
    Communication: [
      { resourceType: 'Communication', interaction: ['create'] },
      filed('Communication', { interaction: ['read', 'search', 'history', 'vread', 'update'] }),
    ],
    Location: [{ resourceType: 'Location', criteria: 'Location?_compartment=%organization&status=active' }],
    Task: [
      filed('Task', { writeConstraint: [{ language: 'text/fhirpath', expression: "status != 'entered-in-error'" }] }),
    ],
  };
  return {
    resourceType: 'AccessPolicy',
    name: 'Clinic',
    compartment: { reference: '%organization' },
    resource: [
      ...types.flatMap((type) => {
        if (closedTypes.includes(type)) return [];
        const interaction = partialTypes[type];
        if (interaction !== undefined) return [filed(type, { interaction: [...interaction] })];
        return particular[type] ?? [filed(type)];
      }),
      { resourceType: 'Binary' },
    ],
  };
}
