import { memorySource } from '../memory-source.fixture.js';
import { ask, type Json } from './ask.fixture.js';
import { executeGraphql } from './execute-graphql.js';

describe('searches', () => {
  it('take parameters with underscores for dashes, lists as alternatives, and values without quotes', async () => {
    const { data, errors, calls } = await ask(
      '{ PatientList(active: true, birthdate: "ge1990") { id } ObservationList(value_quantity: "gt2", _id: ["o2", "o3"]) { id } }',
    );
    expect(errors).toBeUndefined();
    expect(data).toEqual({ PatientList: [{ id: 'a' }], ObservationList: [{ id: 'o2' }, { id: 'o3' }] });
    expect(calls).toContain('search Observation value-quantity=gt2&_id=o2,o3&_count=1000');
  });

  it.each([{ name: 'quay' }, { name: ['quay', 'nobody'] }])(
    'take a variable for one value or for several: %j',
    async (variables) => {
      const type = Array.isArray(variables.name) ? '[String]' : 'String';
      const { data, errors } = await ask(`query ($name: ${type}) { PatientList(name: $name) { id } }`, { variables });
      expect(errors).toBeUndefined();
      expect(data.PatientList).toEqual([{ id: 'a' }]);
    },
  );

  it('cannot be widened by the text of a variable', async () => {
    const { data, calls } = await ask('query ($name: String) { PatientList(name: $name) { id } }', {
      variables: { name: 'x&active=true&_count=5000' },
    });
    expect(data.PatientList).toEqual([]);
    expect(calls).toEqual(['search Patient name=x&active=true&_count=5000&_count=1000']);
  });

  it('refuse NUL, a _count that no page can have, and what REST refuses, each as an error of its field', async () => {
    const { status, data, errors } = await ask(
      'query ($x: String) { a: PatientList(name: $x) { id } b: PatientList(_count: 5000) { id } c: PatientList(birthdate: "soon") { id } d: PatientList(_count: 1) { id } }',
      { variables: { x: 'a\u00001' } },
    );
    expect({ status, data }).toEqual({ status: 200, data: { a: null, b: null, c: null, d: [{ id: 'a' }] } });
    expect(errors?.map(({ path }) => path?.[0]).sort()).toEqual(['a', 'b', 'c']);
  });

  it('give pages as connections, whose cursors need nothing else', async () => {
    const fields = '{ count offset pagesize first previous next last edges { mode score resource { id } } }';
    const page = (args: string) => ask(`{ PatientConnection(${args}) ${fields} }`);
    const first = (await page('_count: 2, _sort: "_id"')).data.PatientConnection;
    expect(first).toMatchObject({ count: 3, offset: 0, pagesize: 2, previous: null, last: null });
    expect(first.edges).toEqual([
      { mode: 'match', score: null, resource: { id: 'a' } },
      { mode: 'match', score: null, resource: { id: 'b' } },
    ]);
    const second = (await page(`_cursor: "${first.next}"`)).data.PatientConnection;
    expect(second).toMatchObject({ count: 3, offset: 2, next: null });
    expect(second.edges.map((edge: Json) => edge.resource.id)).toEqual(['c']);
    const back = (await page(`_cursor: "${second.previous}"`)).data.PatientConnection;
    expect(back).toEqual(first);
    expect((await page(`_cursor: "${first.next}", name: "x"`)).errors?.[0]?.message).toContain('_cursor');
  });

  it.each([
    'nope',
    'null',
    '["Observation",[],1,0]',
    '["Patient",[["_include","*"]],1,0]',
    '["Patient",[["name","\\u0000"]],1,0]',
    '["Patient",[["name"]],1,0]',
    '["Patient",[],-1,0]',
    '["Patient",[],1,0,7]',
  ])('refuse the cursor of somebody who makes his own: %s', async (token) => {
    const { data, errors, calls } = await ask('query ($c: String) { PatientConnection(_cursor: $c) { count } }', {
      variables: { c: Buffer.from(token).toString('base64url') },
    });
    expect([data, calls]).toEqual([{ PatientConnection: null }, []]);
    expect(errors?.[0]?.message).toContain('not made for');
  });

  it('count matches only when they are asked to', async () => {
    const { calls } = await ask('{ PatientConnection(_count: 1) { edges { resource { id } } } }');
    expect(calls).toEqual(['search Patient _count=1']);
  });
});

describe('reverse references', () => {
  it('are found for all resources of a list by one search', async () => {
    const { data, errors, calls } = await ask('{ PatientList { id ObservationList(_reference: subject) { id } } }');
    expect(errors).toBeUndefined();
    expect(
      data.PatientList.map((patient: Json) => [patient.id, patient.ObservationList.map(({ id }: Json) => id)]),
    ).toEqual([
      ['a', ['o1', 'o2', 'o3']],
      ['b', ['o4']],
      ['c', ['o5']],
    ]);
    expect(calls).toEqual([
      'search Patient _count=1000',
      'search Observation subject=Patient/a,Patient/b,Patient/c&_count=1000',
    ]);
  });

  it('reach beyond what one search gives', async () => {
    const texts = Array.from(
      { length: 1_200 },
      (_, index) =>
        `{"resourceType":"Observation","id":"o${index}","meta":{},"status":"final","code":{},"subject":{"reference":"Patient/a"}}`,
    );
    const source = memorySource(['{"resourceType":"Patient","id":"a","meta":{}}', ...texts]);
    const { body } = await executeGraphql(source, {
      query: '{ Patient(id: "a") { ObservationList(_reference: subject, _count: 100, _offset: 990) { id } } }',
    });
    const ids = JSON.parse(body).data.Patient.ObservationList.map(({ id }: Json) => id);
    expect(ids).toEqual(Array.from({ length: 100 }, (_, index) => `o${990 + index}`));
  });

  it('keep to a _count and an _offset for each resource, with as few searches as full lists need', async () => {
    const { data, calls } = await ask(
      '{ PatientList { ObservationList(_reference: "subject", _count: 1, status: final) { id } more: ObservationList(_reference: subject, _count: 1, _offset: 1) { id } } }',
    );
    expect(data.PatientList).toEqual([
      { ObservationList: [{ id: 'o1' }], more: [{ id: 'o2' }] },
      { ObservationList: [{ id: 'o4' }], more: [] },
      { ObservationList: [{ id: 'o5' }], more: [] },
    ]);
    expect(calls.filter((call) => call.startsWith('search Observation status'))).toEqual([
      'search Observation status=final&subject=Patient/a,Patient/b,Patient/c&_count=3',
      'search Observation status=final&subject=Patient/b,Patient/c&_count=2',
    ]);
  });

  it('give pages as connections, to be followed at the root', async () => {
    const { data } = await ask(
      '{ Patient(id: "a") { ObservationConnection(_reference: subject, _count: 2) { count next edges { resource { id } } } } }',
    );
    const { count, next, edges } = data.Patient.ObservationConnection;
    expect([count, edges.map((edge: Json) => edge.resource.id)]).toEqual([3, ['o1', 'o2']]);
    const rest = await ask(`{ ObservationConnection(_cursor: "${next}") { edges { resource { id } } } }`);
    expect(rest.data.ObservationConnection.edges).toEqual([{ resource: { id: 'o3' } }]);
  });

  it('of a contained resource are none, whatever its id', async () => {
    const { data } = await ask(
      '{ Patient(id: "c") { managingOrganization { resource { ... on Organization { PatientList(_reference: organization) { id } } } } } }',
    );
    expect(data.Patient.managingOrganization.resource.PatientList).toEqual([]);
  });

  it('are an error when their type is not granted, and the rest keeps its data', async () => {
    const { data, errors } = await ask(
      '{ Patient(id: "a") { id ObservationList(_reference: subject) { id } } }',
      {},
      {
        forbiddenTypes: ['Observation'],
      },
    );
    expect(data).toEqual({ Patient: { id: 'a', ObservationList: null } });
    expect(errors?.[0]?.extensions.resource.id).toBe('forbidden');
  });

  it('can be asked for parameters that point to any type', async () => {
    const { status, errors } = await ask(
      '{ Patient(id: "a") { TaskList(_reference: focus, status: requested) { id } } }',
    );
    expect({ status, errors }).toEqual({ status: 200, errors: undefined });
  });
});
