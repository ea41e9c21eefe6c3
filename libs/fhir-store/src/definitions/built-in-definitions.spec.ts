import { fhirVersion, type DefinitionType } from '#fhir';
import { parseSearch } from '#fhir-search';
import { findDefinition, matchingDefinitions } from './built-in-definitions.js';

const version = fhirVersion('4.0.1');

async function found(type: DefinitionType, query: string): Promise<string[]> {
  const { criteria, sort } = parseSearch(version, type, query, { handling: 'strict' });
  return (await matchingDefinitions(version, type, criteria, sort)).map(({ id }) => id);
}

test('a definition is found by its url, its name, its type, its id, and by several of them at once', async () => {
  const patient = 'http://hl7.org/fhir/StructureDefinition/Patient';
  expect(await found('StructureDefinition', `url=${patient}`)).toEqual(['Patient']);
  expect(await found('StructureDefinition', 'name:exact=Patient')).toEqual(['Patient']);
  expect(await found('StructureDefinition', 'name=patient&kind=resource')).toEqual(['Patient']);
  expect(await found('StructureDefinition', '_id=Patient,Observation')).toEqual(['Observation', 'Patient']);
  expect(await found('StructureDefinition', `url=${patient}&kind=complex-type`)).toEqual([]);
  expect(await found('OperationDefinition', 'code=everything')).toContain('Patient-everything');
  expect(await found('CompartmentDefinition', 'code=Patient')).toEqual(['patient']);
  expect(await found('StructureDefinition', 'abstract=true')).toContain('DomainResource');
});

test('the platform’s own types are described like the others', async () => {
  expect(await found('StructureDefinition', 'name:exact=ProjectMembership')).toEqual(['ProjectMembership']);
  expect(await found('SearchParameter', 'base=ProjectMembership')).not.toEqual([]);
  expect(await found('SearchParameter', 'base=Patient&code=birthdate')).toHaveLength(1);
});

test('a search by what is not at hand finds none of them, rather than a wrong selection', async () => {
  expect(await found('StructureDefinition', 'description:missing=true')).toEqual([]);
  expect(await found('StructureDefinition', '_lastUpdated=gt1900')).toEqual([]);
});

test('the order is that of the sort keys', async () => {
  const descending = await found('StructureDefinition', 'kind=resource&_sort=-name');
  expect(descending.slice(0, 2)).toEqual(['VisionPrescription', 'VerificationResult']);
  expect((await found('StructureDefinition', 'kind=resource&_sort=name'))[0]).toBe('AccessPolicy');
});

test('others get their turn while many values are compared', async () => {
  const definitions = version.definitions('SearchParameter').length;
  let turns = 0;
  const count = (): void => {
    turns += 1;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  try {
    const values = Array.from({ length: 990 }, (_, number) => `u${number}`);
    expect(await found('SearchParameter', `url=${values.join(',')}`)).toEqual([]);
  } finally {
    clearImmediate(next);
  }
  // Ten definitions in a row, for 990 values each.
  expect(turns).toBeGreaterThanOrEqual(Math.floor(definitions / 10) - 1);
});

test('a search that takes longer than it may is refused', async () => {
  const { criteria } = parseSearch(version, 'SearchParameter', `url=${'u,'.repeat(900)}u`, { handling: 'strict' });
  await expect(matchingDefinitions(version, 'SearchParameter', criteria, [], 0)).rejects.toMatchObject({
    category: 'too-costly',
  });
});

test('what is read is a whole resource in the form of a stored one', () => {
  const patient = findDefinition(version, 'StructureDefinition', 'Patient');
  expect(patient).toMatchObject({ type: 'StructureDefinition', id: 'Patient', versionId: '0', deleted: false });
  const body = JSON.parse(patient?.body ?? '') as { meta: object; snapshot: { element: { path: string }[] } };
  expect(body.meta).toEqual({ versionId: '0', lastUpdated: patient?.lastUpdated });
  expect(body.snapshot.element.map(({ path }) => path)).toContain('Patient.birthDate');
  expect(findDefinition(version, 'StructureDefinition', 'Nothing')).toBeUndefined();
  expect(findDefinition(version, 'Patient', 'Patient')).toBeUndefined();
});
