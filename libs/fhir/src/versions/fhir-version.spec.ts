import { versionFolders } from '../definitions/definition-folders.js';
import { fhirVersion, supportedFhirVersions } from './registry.js';
import { UnsupportedFhirVersionError } from './unsupported-fhir-version-error.js';

const r4 = fhirVersion('R4');

describe('the registry of FHIR versions', () => {
  it('knows a version by number and by label, and loads it once', () => {
    expect(supportedFhirVersions()).toContainEqual({ id: '4.0.1', label: 'R4' });
    expect(fhirVersion('4.0.1')).toBe(r4);
    expect({ id: r4.id, label: r4.label }).toEqual({ id: '4.0.1', label: 'R4' });
  });

  it.each(['R6', 'r4', '', '4.0', '../R4', 'constructor'])('refuses %j, naming what there is', (name) => {
    expect(() => fhirVersion(name)).toThrow(UnsupportedFhirVersionError);
    expect(() => fhirVersion(name)).toThrow('supported: 4.0.1 (R4)');
  });
});

describe.each(supportedFhirVersions())('FHIR $label', ({ id }) => {
  const version = fhirVersion(id);

  it('has a definition of every resource type, and refuses an element that none defines', () => {
    for (const type of version.resourceTypes) {
      const issues = version.validate({ resourceType: type, noSuchElement: 1 });
      expect(issues).toContainEqual(expect.objectContaining({ expression: [`${type}.noSuchElement`] }));
    }
  });

  it('compiles the search parameters of every type, each under its own code', () => {
    for (const type of version.resourceTypes) {
      const parameters = version.searchParameters(type);
      expect([...parameters.keys()]).toEqual([...parameters.values()].map(({ code }) => code));
      expect([...parameters.keys()]).toEqual(
        expect.arrayContaining(['_id', '_lastUpdated', '_tag', '_profile', '_security', '_source']),
      );
      expect(version.searchParameters(type)).toBe(parameters);
    }
  });

  it('declares main dates only for types and date parameters that exist', () => {
    const description = versionFolders().find((folder) => folder.description.id === id)?.description;
    for (const [type, code] of Object.entries(description?.mainDates ?? {})) {
      expect([type, code, version.mainDate(type)?.code]).toEqual([type, code, code]);
    }
  });

  it('names only existing types and reference parameters in its compartments', () => {
    for (const [type, codes] of version.compartment('Patient')) {
      for (const code of codes)
        expect([type, code, version.searchParameters(type).get(code)?.type]).toEqual([type, code, 'reference']);
    }
  });
});

it.each([
  ['R4B', '4.3.0', 141, 'Observation', 'date'],
  ['R5', '5.0.0', 158, 'RequestOrchestration', 'authored'],
])('%s is there, with its own types and main dates', (label, id, count, type, mainDate) => {
  const version = fhirVersion(label);
  expect(supportedFhirVersions()).toContainEqual({ id, label });
  expect(version.resourceTypes).toHaveLength(count + version.platformTypes.length);
  expect(version.mainDate(type)?.code).toBe(mainDate);
  expect(version.compartments).toEqual(expect.arrayContaining(['Patient', 'Encounter', 'Practitioner']));
});

describe('FHIR R4', () => {
  it('has its own resource types and those of the platform', () => {
    expect(r4.resourceTypes).toHaveLength(146 + 12);
    expect(r4.platformTypes).toContain('ProjectMembership');
    for (const type of ['Patient', 'Project', 'JsonWebKey']) expect(r4.isResourceType(type)).toBe(true);
    for (const type of ['HumanName', 'Resource', 'patient', '', 'constructor'])
      expect(r4.isResourceType(type)).toBe(false);
  });

  it.each([
    ['Observation', 'date'],
    ['Encounter', 'date'],
    ['Condition', 'recorded-date'],
    ['MedicationRequest', 'authoredon'],
    ['Patient', undefined],
    ['Organization', undefined],
    ['User', undefined],
    ['Nothing', undefined],
  ])('orders %s by %s', (type, code) => {
    expect(r4.mainDate(type)?.code).toBe(code);
  });

  it('tells what belongs to a compartment', () => {
    const patient = r4.compartment('Patient');
    expect(patient.get('Observation')).toEqual(['subject', 'performer']);
    expect(patient.get('Patient')).toEqual(['link']);
    expect(patient.has('Organization')).toBe(false);
    expect(r4.compartment('Encounter').has('Encounter')).toBe(false);
    expect(() => r4.compartment('Organization')).toThrow('no compartment Organization');
  });

  it('warms types up, and ignores names that are none', () => {
    expect(() => r4.warm(['Patient', 'Nothing'])).not.toThrow();
  });
});
