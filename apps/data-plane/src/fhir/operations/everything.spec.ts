import { fhirVersion, supportedFhirVersions } from '#fhir';
import { everythingLevels, everythingRequest } from './everything.js';

describe.each(supportedFhirVersions())('$everything in FHIR $label', ({ id }) => {
  const version = fhirVersion(id);
  const owner = { type: 'Patient', id: '1' };

  test('is there where the version defines it and has a compartment', () => {
    expect(everythingLevels(version, 'Patient')).toEqual({ instance: true, type: true });
    expect(everythingLevels(version, 'Encounter')).toEqual({ instance: true, type: false });
    for (const type of ['Practitioner', 'Group', 'Observation']) {
      expect(everythingLevels(version, type)).toEqual({ instance: false, type: false });
    }
  });

  test('asks every type for the compartment of its owner', () => {
    const { search, alongTypes } = everythingRequest(version, owner, { texts: [] });
    const asked = [search, ...search.furtherTypes];
    expect(asked.map(({ type }) => type)).toEqual(expect.arrayContaining(['Patient', 'Observation', 'Condition']));
    expect(asked.every(({ criteria }) => criteria.some(({ kind }) => kind === 'compartment'))).toBe(true);
    expect([search.path, search.everyType]).toEqual(['Patient/1/$everything', true]);
    expect(alongTypes.has('Practitioner')).toBe(true);
    expect(asked.some(({ type }) => alongTypes.has(type))).toBe(false);
  });

  test('of all owners asks for a reference to one that exists', () => {
    const { search } = everythingRequest(version, { type: 'Patient' }, { texts: [['_type', 'Observation']] });
    expect([search.path, search.furtherTypes]).toEqual(['Patient/$everything', []]);
    expect(search.criteria[0]).toMatchObject({ kind: 'or' });
    expect(JSON.stringify(search.criteria)).toContain('"targets":[{"type":"Patient","criteria":[]}]');
  });

  test('limits the time of care only of types that have one', () => {
    const { search } = everythingRequest(version, owner, {
      texts: [
        ['start', '2020'],
        ['end', '2021'],
      ],
    });
    const kinds = new Map([search, ...search.furtherTypes].map(({ type, criteria }) => [type, criteria.length]));
    expect([kinds.get('Observation'), kinds.get('Patient')]).toEqual([2, 1]);
  });

  test('refuses a type that no project has, and types that only come along', () => {
    expect(() => everythingRequest(version, owner, { texts: [['_type', 'Nonsense']] })).toThrow("'Nonsense'");
    expect(() => everythingRequest(version, owner, { texts: [['_type', 'Project']] })).toThrow("'Project'");
    expect(() => everythingRequest(version, owner, { texts: [['_type', 'Practitioner']] })).toThrow('come along');
  });
});
