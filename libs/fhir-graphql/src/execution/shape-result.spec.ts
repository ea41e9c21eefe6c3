import { ask } from './ask.fixture.js';

describe('directives that change the form', () => {
  it.each([
    [
      'identifier @flatten { system value } active name @flatten { text given family }',
      { system: ['urn:i'], value: ['1'], active: true, given: ['Ana', 'Bo', 'An', 'Ana'], family: ['Quay', 'Pier'] },
    ],
    ['name @flatten { given @first family }', { given: ['Ana', 'An', 'Ana'], family: ['Quay', 'Pier'] }],
    [
      'identifier @flatten { system @singleton } name @flatten @first { given family @singleton }',
      { system: 'urn:i', given: ['Ana', 'Bo'], family: 'Quay' },
    ],
    [
      'name @flatten @slice(path: "use") { given family @singleton }',
      {
        'given.official': ['Ana', 'Bo'],
        'family.official': 'Quay',
        'given.usual': ['An'],
        'given.maiden': ['Ana'],
        'family.maiden': 'Pier',
      },
    ],
    [
      'name @slice(path: "$index") @flatten { given @first @singleton }',
      { 'given.0': 'Ana', 'given.1': 'An', 'given.2': 'Ana' },
    ],
    ['name @first { family }', { name: [{ family: 'Quay' }] }],
    ['identifier @slice(path: system) @singleton { value }', { 'identifier.urn:i': { value: '1' } }],
    [
      'managingOrganization @flatten { reference resource @flatten { ... on Organization { name } } } id',
      { reference: 'Organization/o', name: 'Harbour', id: 'a' },
    ],
  ])('%s', async (fields, expected) => {
    const { data, errors } = await ask(`{ Patient(id: "a") { ${fields} } }`);
    expect(errors).toBeUndefined();
    expect(data.Patient).toEqual(expected);
  });

  it('refuse values of two types under one name', async () => {
    const { status, errors } = await ask('{ Patient(id: "a") { x: active identifier @flatten { x: value } } }');
    expect([status, errors?.[0]?.message]).toEqual([
      400,
      "Flattening mixes values of different types under the name 'x'.",
    ]);
  });

  it('refuse a @singleton of several values', async () => {
    const { status, errors } = await ask('{ Patient(id: "a") { name @flatten { family @singleton } } }');
    expect([status, errors?.[0]?.message]).toEqual([400, "The field 'family' has 2 values, but is marked @singleton."]);
  });
});
