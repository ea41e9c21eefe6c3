import { describe, expect, test } from '@jest/globals';
import { fhirVersion, type JsonObject } from '#fhir';
import { chartFilter, exportRequest, exportSearches, groupMembers, type ExportLevel } from './export-request.js';

const version = fhirVersion('R4');
const system: ExportLevel = { kind: 'system' };
const patients: ExportLevel = { kind: 'patients', compartment: 'Patient' };
const ofGroup = (...members: string[]): ExportLevel => ({ kind: 'group', compartment: 'Patient', members });

const read = (level: ExportLevel, query: string, objects: [string, JsonObject][] = []) =>
  exportRequest(
    level,
    { texts: [...new URLSearchParams(query)], objects, body: undefined },
    { version, lenient: false, ownBaseUrls: ['https://quay.example.org/fhir/R4/'] },
  );
const searches = (level: ExportLevel, query: string, objects: [string, JsonObject][] = []) =>
  exportSearches(version, read(level, query, objects), undefined);

describe('the searches of an export', () => {
  test('are one for each type, by name only when the types were named', () => {
    const named = searches(system, '_type=Patient,Observation,Patient&_type=Encounter');
    expect(named.map(({ type, everyType }) => [type, everyType])).toEqual([
      ['Patient', false],
      ['Observation', false],
      ['Encounter', false],
    ]);
    const all = searches(system, '');
    expect(all.map(({ type }) => type)).toEqual(version.resourceTypes.filter((type) => type !== 'Binary'));
    expect(all.every(({ everyType }) => everyType)).toBe(true);
  });

  test('of charts are about the types of the compartment, and of few patients ask for theirs', () => {
    const all = searches(patients, '');
    expect(all.map(({ type }) => type)).toEqual([...version.compartment('Patient').keys()].toSorted());
    for (const { criteria } of searches(ofGroup('Patient/a', 'Patient/b'), '')) {
      expect(criteria).toMatchObject([{ kind: 'token', values: [{ code: 'Patient/a' }, { code: 'Patient/b' }] }]);
    }
  });

  test('of many patients find everything, of which those who are meant are chosen', () => {
    const belongsOf = (level: ExportLevel) => chartFilter(read(level, ''));
    expect([belongsOf(system), belongsOf(ofGroup('Patient/a'))]).toEqual([undefined, undefined]);
    const any = belongsOf(patients);
    expect([any?.([]), any?.(['Patient/x'])]).toEqual([false, true]);
    const level = ofGroup(...Array.from({ length: 101 }, (_, index) => `Patient/${index}`));
    expect(searches(level, '').every(({ criteria }) => criteria.length === 0)).toBe(true);
    const member = belongsOf(level);
    expect([member?.([]), member?.(['Patient/x']), member?.(['Patient/x', 'Patient/7'])]).toEqual([false, false, true]);
  });

  test('of a group and chosen patients are about those who are both, and of nobody there is none', () => {
    const chosen = searches(ofGroup('Patient/a', 'Patient/b'), '_type=Patient&patient=Patient/b,Patient/c');
    expect(chosen[0]?.criteria).toMatchObject([{ values: [{ code: 'Patient/b' }] }]);
    expect(searches(ofGroup(), '')).toEqual([]);
    expect(searches(ofGroup('Patient/a'), '', [['patient', { reference: 'Patient/c' }]])).toEqual([]);
  });

  test('have filters as alternatives, each for its own type', () => {
    const filters = '_typeFilter=Patient%3Factive%3Dtrue%26gender%3Dmale,Patient%3Fname%3Da,b';
    const [patient, observation] = searches(system, `_type=Patient,Observation&${filters}`);
    expect(patient?.criteria).toMatchObject([
      {
        kind: 'or',
        criteria: [
          { kind: 'and', criteria: [{}, {}] },
          { kind: 'and', criteria: [{ values: ['a', 'b'] }] },
        ],
      },
    ]);
    expect(observation?.criteria).toEqual([]);
  });

  test('are cut by when a resource was changed', () => {
    const [search] = searches(system, '_type=Patient&_since=2026-01-02T03:04:05 01:00&_until=2027-01-01T00:00:00Z');
    expect(search?.criteria).toMatchObject([
      { kind: 'last-updated', tests: [{ prefix: 'ge', start: Date.parse('2026-01-02T02:04:05Z') }] },
      { kind: 'last-updated', tests: [{ prefix: 'le' }] },
    ]);
  });

  test('of different types have cursors that are not each other’s', () => {
    const identities = searches(patients, '').map(({ applied, path }) => JSON.stringify([path, applied]));
    expect(new Set(identities).size).toBe(identities.length);
  });
});

describe('an export that is asked for', () => {
  const refused = (expression: string) =>
    expect.objectContaining({ issues: [expect.objectContaining({ expression: [expression] })] });

  test.each([
    [system, '_type=Nothing', '_type'],
    [system, '_type=Binary', '_type'],
    [patients, '_type=Organization', '_type'],
    [system, '_outputFormat=csv', '_outputFormat'],
    [system, '_since=now', '_since'],
    [system, '_since=2020&_since=2021', '_since'],
    [system, 'patient=Patient/a', 'patient'],
    [patients, 'patient=Practitioner/a', 'patient'],
    [patients, 'patient=https://elsewhere.example/Patient/a', 'patient'],
    [system, '_typeFilter=active=true', '_typeFilter'],
    [patients, '_typeFilter=Organization?name=x', '_typeFilter'],
    [system, 'elements=id', 'elements'],
  ])('of %j with %s is refused', (level, query, expression) => {
    expect(() => read(level, query)).toThrow(refused(expression));
  });

  test.each(['_count=5', '_sort=name', '_summary=true', '_elements=id', '_cursor=x', '_total=accurate'])(
    'with a filter that shapes an answer (%s) is refused',
    (parameter) => {
      const filter = encodeURIComponent(`Patient?active=true&${parameter}`);
      expect(() => searches(system, `_typeFilter=${filter}`)).toThrow(refused('_typeFilter'));
    },
  );

  test('takes an own address for a patient', () => {
    const own = { reference: 'https://quay.example.org/fhir/R4/Patient/a' };
    expect(read(patients, '', [['patient', own]]).patients).toEqual(['Patient/a']);
  });

  test('is of 10,000 chosen patients at most', () => {
    const many = Array.from({ length: 10_001 }, (_, index) => `Patient/${index}`);
    expect(() => read(ofGroup(...many), '')).toThrow('10000');
  });
});

test('the members of a group are those of the type who have not left, each once', () => {
  const member = (reference: unknown, more: JsonObject = {}) => ({ entity: { reference }, ...more }) as JsonObject;
  const group = {
    member: [
      member('Patient/a'),
      member('Patient/b', { inactive: true }),
      member('Patient/c', { inactive: false }),
      member('Group/g'),
      member('https://quay.example.org/fhir/R4/Patient/a'),
      member('https://elsewhere.example/Patient/d'),
      member(7),
      {},
    ],
  };
  expect(groupMembers(group, 'Patient', ['https://quay.example.org/fhir/R4/'])).toEqual(['Patient/a', 'Patient/c']);
  expect(groupMembers({}, 'Patient')).toEqual([]);
});
