import type { FastifyRequest } from 'fastify';
import { fhirVersion, type JsonObject, type OperationDescription } from '#fhir';
import { operationInput } from '../operations/operation-input.js';
import { chartFilter, exportRequest, exportSearches, groupMembers, type ExportLevel } from './export-request.js';

const version = fhirVersion('R4');
const system: ExportLevel = { kind: 'system' };
const patients: ExportLevel = { kind: 'patients', compartment: 'Patient' };
const ofGroup = (...members: string[]): ExportLevel => ({ kind: 'group', compartment: 'Patient', members });

const ownBaseUrls = ['https://quay.example.org/fhir/R4/'];
const definitions = { system: 'export', patients: 'patient-export', group: 'group-export' };
const operationOf = ({ kind }: ExportLevel): OperationDescription => {
  const found = version.operations().find(({ url }) => url.endsWith(`/${definitions[kind]}`));
  if (found === undefined) throw new Error(`There is no ${definitions[kind]}.`);
  return found;
};

const read = (level: ExportLevel, query: string, parameter: JsonObject[] = [], lenient = false) => {
  const request = {
    method: 'POST',
    raw: { url: `/fhir/$export?${query}` },
    headers: { 'content-type': 'application/fhir+json' },
    body: JSON.stringify({ resourceType: 'Parameters', parameter }),
  };
  const input = operationInput(request as unknown as FastifyRequest);
  return exportRequest(level, input, { version, operation: operationOf(level), lenient, ownBaseUrls });
};
const searches = (level: ExportLevel, query: string, parameter: JsonObject[] = []) =>
  exportSearches(version, read(level, query, parameter), undefined);
const patient = (reference: string): JsonObject => ({ name: 'patient', valueReference: { reference } });

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
    expect(searches(ofGroup('Patient/a'), '', [patient('Patient/c')])).toEqual([]);
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
    const own = patient('https://quay.example.org/fhir/R4/Patient/a');
    expect(read(patients, '', [own]).patients).toEqual(['Patient/a']);
  });

  test('is of 10,000 chosen patients at most', () => {
    const many = Array.from({ length: 10_001 }, (_, index) => `Patient/${index}`);
    const tooMany = '10000 chosen patients at most';
    expect(() => read(ofGroup(...many), '')).toThrow(tooMany);
    expect(() => read(patients, `patient=${many.join()}`)).toThrow(tooMany);
    expect(() => read(patients, '', many.map(patient))).toThrow(tooMany);
    expect(() => read(patients, '', [patient('Patient/x'), { ...patient(''), valueReference: {} }])).toThrow(
      refused('patient'),
    );
    expect(read(patients, '', many.slice(1).map(patient)).patients).toHaveLength(10_000);
  });

  test('names no more types than there are', () => {
    const all = version.resourceTypes;
    expect(() => read(system, `_type=${[...all, 'Patient'].join()}`)).toThrow(`${all.length} types at most`);
    expect(() => read(system, `${'_type=Patient&'.repeat(all.length + 1)}`)).toThrow(`${all.length} types at most`);
    expect(read(system, `${'_type=Patient&'.repeat(all.length)}`).types).toEqual(['Patient']);
  });

  test.each<[ExportLevel, string]>([
    [system, '_type='],
    [system, '_type=,'],
    [system, '_type=Patient,'],
    [system, '_type=Patient&_type='],
    [system, '_since='],
    [system, '_until='],
    [system, '_outputFormat='],
    [system, '_typeFilter='],
    [system, '_typeFilter=,'],
    [patients, 'patient='],
    [patients, 'patient=,'],
    [patients, 'patient=Patient/a,'],
  ])('of %j with nothing where something belongs (%s) is refused, also in lenient handling', (level, query) => {
    const [name = ''] = query.split('=', 1);
    for (const lenient of [false, true]) expect(() => read(level, query, [], lenient)).toThrow(refused(name));
  });

  test.each<[string, JsonObject]>([
    ['valueString', { name: '_type', valueCoding: { code: 'Patient' } }],
    ['valueString', { name: '_type', valueCode: 'Patient' }],
    ['valueString', { name: '_type', valueString: { code: 'Patient' } }],
    ['valueString', { name: '_type', resource: { resourceType: 'Patient' } }],
    ['valueString', { name: '_typeFilter', valueExpression: { expression: 'Patient?active=true' } }],
    ['valueString', { name: '_outputFormat', valueCode: 'ndjson' }],
    ['valueInstant', { name: '_since', valuePeriod: { start: '2026-01-01' } }],
    ['valueInstant', { name: '_until', valueDateTime: '2026-01-01T00:00:00Z' }],
    ['valueReference', { name: 'patient', valueString: 'Patient/a' }],
    ['valueReference', { name: 'patient', valueReference: 'Patient/a' }],
    ['valueReference', { name: 'patient', valueIdentifier: { value: 'a' } }],
    ['must not be empty', { name: '_type', valueString: ' ' }],
    ['must not be empty', { name: '_since', valueInstant: '' }],
    ['must not be empty', { name: 'patient', valueReference: '' }],
    ['one value', { name: '_type', valueString: 'Patient', valueCode: 'Observation' }],
    ['one value', { name: '_type' }],
  ])('takes its parameters in the form of their definition (%s), and not as %j', (told, parameter) => {
    for (const lenient of [false, true]) expect(() => read(patients, '', [parameter], lenient)).toThrow(told);
  });

  test('takes its parameters from the URL and from Parameters', () => {
    const asked = read(patients, '_type=Patient', [
      { name: '_type', valueString: 'Observation' },
      { name: '_since', valueInstant: '2026-01-02T03:04:05Z' },
      { name: '_typeFilter', valueString: 'Patient?active=true' },
      { name: '_outputFormat', valueString: 'ndjson' },
      patient('Patient/a'),
    ]);
    expect(asked).toMatchObject({
      types: ['Patient', 'Observation'],
      since: '2026-01-02T03:04:05Z',
      filters: [['Patient', 'active=true']],
      patients: ['Patient/a'],
    });
  });

  test('in lenient handling leaves out what nobody knows, whatever form it has', () => {
    const stray = [
      { name: '_elements', valueCode: 'id' },
      { name: 'organizeOutputBy', valueString: 'Patient' },
    ];
    expect(read(system, 'patient=&includeAssociatedData=x', stray, true).types.length).toBeGreaterThan(100);
    expect(() => read(system, '', stray)).toThrow(refused('_elements'));
  });
});

describe('the filters of an export', () => {
  const filtered = (filters: readonly string[]) => filters.map((valueString) => ({ name: '_typeFilter', valueString }));

  test.each([
    ['criteria', Array.from({ length: 101 }, () => 'Patient?active=true')],
    ['criteria', Array.from({ length: 101 }, (_, index) => (index % 2 ? 'Patient?active=true' : 'Group?actual=true'))],
    ['values', Array.from({ length: 11 }, () => `Patient?name=${'a,'.repeat(100)}`)],
    ['references', Array.from({ length: 51 }, () => 'Patient?organization.name=a')],
  ])('have together the %s of one search at most', (what, filters) => {
    expect(() => searches(system, '', filtered(filters))).toThrow(what);
    expect(searches(system, '_type=Patient,Group', filtered(filters.slice(1)))).toHaveLength(2);
  });

  test('are refused before any is read when they are longer than a query, or more', () => {
    // None of them is a filter, which is not even seen.
    expect(() => read(system, '', filtered(Array.from({ length: 280_000 }, () => '?')))).toThrow('65536 characters');
    expect(() => read(system, '', filtered(Array.from({ length: 1_001 }, () => '?')))).toThrow('1000 parameters');
    expect(() => read(system, '', filtered(['?'.repeat(65_536)]))).toThrow('65536 characters');
  });

  test.each(['name=', '&', 'name=&active=true', '_sort=name', 'active=true&_count=1'])(
    'are conditions, each with a value (%s)',
    (query) => {
      const asked = () => searches(system, '', filtered([`Patient?${query}`]));
      expect(asked).toThrow("not 'Patient?");
    },
  );
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
