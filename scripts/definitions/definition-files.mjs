import { compartments, operations } from './conformance.mjs';
import { bindings, constraints } from './constraints.mjs';
import { modifierElements } from './modifiers.mjs';
import { archiveOf } from './resource-archive.mjs';
import { schemaDocument } from './schema.mjs';
import { searchParameters } from './search-parameters.mjs';
import { baseCompartments, baseOperations, baseSearchParameters, baseTypes, resourceTypesOf } from './selection.mjs';
import { summaryElements } from './summary.mjs';
import { terminologyArchive } from './terminology.mjs';
import { valueSetExpander } from './value-sets.mjs';

/**
 * All files of the folder labelled `label`, by name. Versions are made of all their package holds; `terminology` has value
 * sets and code systems alone.
 */
export function filesOf(label, packageResources) {
  if (label === 'terminology') return { files: terminologyArchive(packageResources, () => true), open: [] };
  return definitionFiles(label, packageResources);
}

/**
 * All files of the version labelled `label`, by name, and the value sets that are required somewhere but have no list of
 * codes. `packageResources` gives the resources of a type (see packages.mjs).
 */
function definitionFiles(label, packageResources) {
  const types = baseTypes(packageResources);
  const parameters = baseSearchParameters(packageResources);
  const operationDefinitions = baseOperations(packageResources);
  const compartmentDefinitions = baseCompartments(packageResources);
  const resourceTypes = resourceTypesOf(types);
  const expand = valueSetExpander(packageResources);
  const schema = schemaDocument(label, types, resourceTypes, expand);
  const bound = bindings(types, expand);
  const documents = {
    'resource-types.json': resourceTypes,
    'schema.json': schema.document,
    'search-parameters.json': searchParameters(parameters),
    'compartments.json': compartments(compartmentDefinitions),
    'operations.json': operations(operationDefinitions),
    'summary-elements.json': summaryElements(types),
    'modifier-elements.json': modifierElements(types),
    'code-systems.json': schema.systems,
    'constraints.json': constraints(types),
    'bindings.json': bound.document,
  };
  const resources = [...types, ...parameters, ...operationDefinitions, ...compartmentDefinitions];
  return {
    files: {
      ...Object.fromEntries(Object.entries(documents).map(([name, document]) => [name, JSON.stringify(document)])),
      ...archiveOf(resources),
      ...terminologyArchive(packageResources, (url) => url.startsWith('http://hl7.org/fhir/')),
    },
    open: [...new Set([...schema.open, ...bound.open])].sort(),
  };
}
