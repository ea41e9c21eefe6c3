/**
 * What of a package counts as the standard itself. The packages also hold profiles, logical models, worked examples, and
 * search parameters on extensions; those are somebody's use of FHIR and are left out.
 */

/** The definitions of resource and data types, the abstract ones among them. */
export function baseTypes(packageResources) {
  return packageResources('StructureDefinition').filter(
    ({ derivation, kind, snapshot }) => derivation !== 'constraint' && kind !== 'logical' && snapshot !== undefined,
  );
}

/** The names of the resource types that can be instantiated, sorted. */
export function resourceTypesOf(types) {
  return types
    .filter(({ kind, abstract }) => kind === 'resource' && !abstract)
    .map(({ type }) => type)
    .sort();
}

export function baseSearchParameters(packageResources) {
  return packageResources('SearchParameter')
    .filter(({ id, url }) => isOfTheStandard('SearchParameter', id, url) && !/extension/i.test(id))
    .sort((a, b) => (a.url < b.url ? -1 : 1));
}

export function baseOperations(packageResources) {
  return packageResources('OperationDefinition').filter(({ id, url }) =>
    isOfTheStandard('OperationDefinition', id, url),
  );
}

export function baseCompartments(packageResources) {
  return packageResources('CompartmentDefinition').filter(({ id, url }) =>
    isOfTheStandard('CompartmentDefinition', id, url),
  );
}

function isOfTheStandard(resourceType, id, url) {
  return url.startsWith(`http://hl7.org/fhir/${resourceType}/`) && !/example/.test(id);
}
