import { memorySource } from '../memory-source.fixture.js';
import { ask } from './ask.fixture.js';
import { executeGraphql } from './execute-graphql.js';

describe('list navigation', () => {
  it.each([
    ['name(use: official) { family }', [{ family: 'Quay' }]],
    ['name(use: "maiden") { family }', [{ family: 'Pier' }]],
    ['name(given: "Ana") { use }', [{ use: 'official' }, { use: 'maiden' }]],
    ['name(_count: 1) { use }', [{ use: 'official' }]],
    ['name(_offset: 1, _count: 1) { use }', [{ use: 'usual' }]],
    ['name(fhirpath: "family.exists()") { use }', [{ use: 'official' }, { use: 'maiden' }]],
    ['name(fhirpath: "family.exists()", _offset: 1) { use }', [{ use: 'maiden' }]],
    ['name(use: $use) { family }', [{ family: 'Pier' }]],
  ])('%s', async (field, expected) => {
    const { data, errors } = await ask(
      `query ($use: String) { Patient(id: "a") { x: ${field} use: id @include(if: false) ok: birthDate @skip(if: true) } unused: Patient(id: "a") { name(use: $use) { use } } }`,
      {
        variables: { use: 'maiden' },
      },
    );
    expect(errors).toBeUndefined();
    expect(data.Patient).toEqual({ x: expected });
  });

  it.each([
    'repeat(children())',
    'a | b',
    '%resource.name',
    "family.matches('(a+)+')",
    'descendants()',
    '(((',
    'x'.repeat(300),
  ])('refuses the expression %s', async (expression) => {
    const { status, data, errors } = await ask(
      'query ($e: String) { Patient(id: "a") { name(fhirpath: $e) { use } } }',
      {
        variables: { e: expression },
      },
    );
    expect({ status, data }).toEqual({ status: 200, data: { Patient: { name: null } } });
    expect(errors?.[0]?.message).toContain('FHIRPath expression');
  });

  it('does not repeat the elements in the error of an expression that does not fit them', async () => {
    const given = Array.from({ length: 1_000 }, () => '"Ana"').join(',');
    const source = memorySource([`{"resourceType":"Patient","id":"a","meta":{},"name":[{"given":[${given}]}]}`]);
    const query = '{ Patient(id: "a") { name(fhirpath: "given.lower() = 1") { use } } }';
    const { body } = await executeGraphql(source, { query });
    const [{ message }] = JSON.parse(body).errors;
    expect(message).toContain('cannot be evaluated');
    expect(message.length).toBeLessThan(300);
  });

  it('refuses a negative number of elements', async () => {
    expect((await ask('{ Patient(id: "a") { name(_count: -1) { use } } }')).errors?.[0]?.message).toContain('negative');
  });

  it('refuses more than 20 different expressions, and reads each once', async () => {
    const filters = (count: number) =>
      Array.from({ length: count }, (_, index) => `n${index}: name(fhirpath: "family = '${index}'") { use }`).join(' ');
    expect((await ask(`{ Patient(id: "a") { ${filters(20)} } }`)).errors).toBeUndefined();
    const { data, errors } = await ask(`{ Patient(id: "a") { ${filters(21)} } }`);
    expect([data.Patient.n19, data.Patient.n20, errors?.length]).toEqual([[], null, 1]);
    expect(errors?.[0]?.extensions.resource.issue[0].code).toBe('too-costly');
  });

  it('refuses values as long as a text in the names of slices', async () => {
    const { errors } = await ask(`{ Patient(id: "a") { name @slice(path: "'${'x'.repeat(65)}'") { use } } }`);
    expect(errors?.[0]?.message).toContain('a name of more than 64 characters');
  });
});
