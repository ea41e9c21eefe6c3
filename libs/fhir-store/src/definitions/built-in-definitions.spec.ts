import { expect, test } from '@jest/globals';
import { fhirVersion, type DefinitionType } from '#fhir';
import { parseSearch } from '#fhir-search';
import { findDefinition, matchingDefinitions } from './built-in-definitions.js';

const version = fhirVersion('4.0.1');

function found(type: DefinitionType, query: string): string[] {
  const { criteria, sort } = parseSearch(version, type, query, { handling: 'strict' });
  return matchingDefinitions(version, type, criteria, sort).map(({ id }) => id);
}

test('a definition is found by its url, its name, its type, its id, and by several of them at once', () => {
  const patient = 'http://hl7.org/fhir/StructureDefinition/Patient';
  expect(found('StructureDefinition', `url=${patient}`)).toEqual(['Patient']);
  expect(found('StructureDefinition', 'name:exact=Patient')).toEqual(['Patient']);
  expect(found('StructureDefinition', 'name=patient&kind=resource')).toEqual(['Patient']);
  expect(found('StructureDefinition', '_id=Patient,Observation')).toEqual(['Observation', 'Patient']);
  expect(found('StructureDefinition', `url=${patient}&kind=complex-type`)).toEqual([]);
  expect(found('OperationDefinition', 'code=everything')).toContain('Patient-everything');
  expect(found('CompartmentDefinition', 'code=Patient')).toEqual(['patient']);
  expect(found('StructureDefinition', 'abstract=true')).toContain('DomainResource');
});

test('the platform’s own types are described like the others', () => {
  expect(found('StructureDefinition', 'name:exact=ProjectMembership')).toEqual(['ProjectMembership']);
  expect(found('SearchParameter', 'base=ProjectMembership')).not.toEqual([]);
  expect(found('SearchParameter', 'base=Patient&code=birthdate')).toHaveLength(1);
});

test('a search by what is not at hand finds none of them, rather than a wrong selection', () => {
  expect(found('StructureDefinition', 'description:missing=true')).toEqual([]);
  expect(found('StructureDefinition', '_lastUpdated=gt1900')).toEqual([]);
});

test('the order is that of the sort keys', () => {
  const descending = found('StructureDefinition', 'kind=resource&_sort=-name');
  expect(descending.slice(0, 2)).toEqual(['VisionPrescription', 'VerificationResult']);
  expect(found('StructureDefinition', 'kind=resource&_sort=name')[0]).toBe('AccessPolicy');
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
