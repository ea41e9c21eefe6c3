import type { JsonObject } from '#fhir';

/** What a resource of the test data is called. Throws for one without a type or an id. */
export function identityOf({ resourceType, id }: JsonObject): { type: string; id: string; address: string } {
  if (typeof resourceType !== 'string' || typeof id !== 'string') {
    throw new Error('A resource here has a type and an id.');
  }
  return { type: resourceType, id, address: `${resourceType}/${id}` };
}
