import { fhirVersion, type JsonObject } from '#fhir';
import { nextDown, nextUp } from './decimal.js';
import { indexResource } from './index-resource.js';
import type { IndexRows } from './index-rows.js';
import { listMembers } from './list-members.js';
import { anyScope } from './number-scopes.js';

const version = fhirVersion('R4');
/** Shows the text behind each hash, so that a test can name it. */
const plain = { hash: (text: string) => text, hashOften: (text: string) => text };

function index(resource: JsonObject): IndexRows {
  return indexResource(version, plain, resource, ['https://me.example/fhir/R4/']);
}

const key = (type: string, code: string) => version.searchParameters(type).get(code)?.key ?? NaN;
const datesOf = (rows: IndexRows, type: string, code: string) =>
  rows.dates.filter(({ parameter }) => parameter === key(type, code)).map(({ parameter: _, ...row }) => row);
const targetsOf = (rows: IndexRows, type: string, code: string) =>
  rows.references.filter(({ parameter }) => parameter === key(type, code)).map(({ target }) => target);

describe('tokens', () => {
  it('are written for each way of asking for a code', () => {
    const parameter = key('Observation', 'code');
    const { tokens } = index({
      resourceType: 'Observation',
      code: { coding: [{ system: 'http://loinc.org', code: '1' }, { code: '2' }] },
    });
    expect(tokens.filter((token) => token.startsWith(`${parameter}|`)).sort()).toEqual(
      [
        `${parameter}|present`,
        `${parameter}|value|system|http://loinc.org`,
        `${parameter}|value|code|1`,
        `${parameter}|value|pair|16|http://loinc.org|1`,
        `${parameter}|value|code|2`,
        `${parameter}|value|pair|0||2`,
      ].sort(),
    );
  });

  it('cannot be mistaken for one another, whatever bars stand in the values', () => {
    const tokensOf = (system: string, code: string) =>
      index({ resourceType: 'Observation', code: { coding: [{ system, code }] } }).tokens.filter((text) =>
        text.includes('|pair|'),
      );
    expect(tokensOf('a|1', 'b')).not.toEqual(tokensOf('a', '1|b'));
  });

  it('are each written once', () => {
    const { tokens } = index({
      resourceType: 'Patient',
      identifier: [{ value: '1' }, { value: '1' }],
      name: [{ family: 'A' }, { family: 'A' }],
    });
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  it('say that a parameter has a value, whatever its type', () => {
    const { tokens } = index({ resourceType: 'Observation', valueQuantity: { value: 1 } });
    expect(tokens).toContain(`${key('Observation', 'value-quantity')}|present`);
  });

  it('name the type of an identifier with its value', () => {
    const { tokens } = index({
      resourceType: 'Patient',
      identifier: [{ value: '7', type: { coding: [{ system: 's', code: 'MR' }, { code: 'no system' }] } }],
    });
    const parameter = key('Patient', 'identifier');
    expect(tokens.filter((text) => text.includes('of-type'))).toEqual([`${parameter}|of-type|1|s|2|MR|7`]);
  });

  it('are not written for a parameter that unites others', () => {
    const { tokens } = index({ resourceType: 'Observation', code: { coding: [{ code: '1' }] } });
    const parameter = key('Observation', 'combo-code');
    expect(tokens.filter((text) => text.startsWith(`${parameter}|`))).toEqual([]);
  });

  it('have none for what the server sets', () => {
    const { tokens, dates } = index({ resourceType: 'Basic', id: 'x', meta: { lastUpdated: '2020-01-01T00:00:00Z' } });
    expect(tokens).toEqual([]);
    expect(dates).toEqual([]);
  });
});

describe('strings', () => {
  it('are cut where an index entry has no room for them, never within a character', () => {
    const rows = index({ resourceType: 'ValueSet', description: `a${'\u{1F600}'.repeat(300)}` });
    const [row] = rows.strings.filter(({ parameter }) => parameter === key('ValueSet', 'description'));
    expect(row?.original).toHaveLength(601);
    expect(row?.value).toBe(`a${'\u{1F600}'.repeat(127)}`);
  });

  it('hold no NUL, which PostgreSQL cannot store', () => {
    const rows = index({ resourceType: 'Patient', name: [{ family: 'a\0b' }] });
    expect(rows.strings[0]).toMatchObject({ value: 'a b', original: 'ab' });
    expect(index({ resourceType: 'ValueSet', url: 'http://a\0b' }).strings[0]?.value).toBe('http://ab');
  });

  it('leave out what is empty after normalising', () => {
    expect(index({ resourceType: 'Patient', name: [{ family: ' ' }, { family: '\u0301' }] }).strings).toEqual([]);
  });
});

describe('dates', () => {
  it.each([
    ['2024-02', '2024-02-01T00:00:00.000Z', '2024-03-01T00:00:00.000Z', true],
    ['2024-02-29', '2024-02-29T00:00:00.000Z', '2024-03-01T00:00:00.000Z', false],
    ['2024-02-29T10:00:00+01:00', '2024-02-29T09:00:00.000Z', '2024-02-29T09:00:01.000Z', false],
    ['0001', '0001-01-01T00:00:00.000Z', '0002-01-01T00:00:00.000Z', true],
    ['9999-12-31', '9999-12-31T00:00:00.000Z', 'infinity', false],
  ])('%s is the span from %s to %s', (birthDate, lower, upper, irregular) => {
    const rows = index({ resourceType: 'Patient', birthDate });
    expect(datesOf(rows, 'Patient', 'birthdate')).toEqual([{ lower, upper, irregular }]);
  });

  it('have open ends where a period has', () => {
    const of = (period: JsonObject) =>
      datesOf(index({ resourceType: 'Encounter', period }), 'Encounter', 'date').map(({ lower, upper }) => [
        lower,
        upper,
      ]);
    expect(of({ start: '2024' })).toEqual([['2024-01-01T00:00:00.000Z', 'infinity']]);
    expect(of({ end: '2024' })).toEqual([['-infinity', '2025-01-01T00:00:00.000Z']]);
    expect(of({})).toEqual([]);
    expect(of({ start: '2025', end: '2020' })).toEqual([]);
  });

  it('take the outer limits of a timing', () => {
    const rows = index({
      resourceType: 'Observation',
      effectiveTiming: {
        event: ['2024-03-05', '2024-03-01'],
        repeat: { boundsPeriod: { start: '2024-03-02', end: '2024-03-09' } },
      },
    });
    expect(datesOf(rows, 'Observation', 'date')).toEqual([
      { lower: '2024-03-01T00:00:00.000Z', upper: '2024-03-10T00:00:00.000Z', irregular: true },
    ]);
  });

  it('are irregular when a parameter has several', () => {
    const location = ['2024-01-01', '2024-02-01', '2024-02-01'].map((day) => ({ period: { start: day, end: day } }));
    const rows = index({ resourceType: 'Encounter', location });
    expect(datesOf(rows, 'Encounter', 'location-period').map(({ irregular }) => irregular)).toEqual([true, true]);
  });
});

describe('numbers', () => {
  const ucum = 'http://unitsofmeasure.org';
  const numbersOf = (rows: IndexRows, type: string, code: string) =>
    rows.numbers.filter(({ parameter }) => parameter === key(type, code)).map(({ parameter: _, ...row }) => row);
  const quantity = (value: number, more: JsonObject = {}): JsonObject => ({
    value,
    unit: 'milligram',
    system: ucum,
    code: 'mg',
    ...more,
  });
  const valueOf = (valueQuantity: JsonObject) =>
    numbersOf(index({ resourceType: 'Observation', valueQuantity }), 'Observation', 'value-quantity');
  const row = { irregular: false, node: 0, marks: [] };

  it('of a quantity are the number as written, marked with its unit, and the number in base units', () => {
    expect(valueOf(quantity(5.4))).toEqual([
      { ...row, scope: anyScope, lower: 5.4, upper: 5.4, marks: ['mark|unit|mg', 'mark|unit|milligram'] },
      { ...row, scope: 'scope|kind|g1.mol0', lower: 0.0054, upper: 0.0054 },
    ]);
  });

  it('of a unit that cannot be converted stand under its system and code', () => {
    expect(valueOf(quantity(5, { code: '[iU]' }))[1]).toEqual({
      ...row,
      scope: `scope|unit|25|${ucum}|[iU]`,
      lower: 5,
      upper: 5,
    });
    expect(valueOf({ value: 5, code: 'x' })[1]?.scope).toBe('scope|unit|0||x');
    expect(valueOf({ value: 5, unit: 'x' })).toHaveLength(1);
    expect(valueOf({ unit: 'x' })).toEqual([]);
  });

  it.each([
    ['<', -Infinity, nextDown(0.005)],
    ['<=', -Infinity, 0.005],
    ['>', nextUp(0.005), Infinity],
    ['>=', 0.005, Infinity],
    ['ad', 0.005, 0.005],
  ])('of a quantity with the comparator %s reach from %d to %d in base units', (comparator, lower, upper) => {
    expect(valueOf(quantity(5, { comparator }))[1]).toMatchObject({ lower, upper, irregular: lower !== upper });
  });

  it('of a range reach from its low to its high end', () => {
    const of = (onsetRange: JsonObject) =>
      numbersOf(index({ resourceType: 'Condition', onsetRange }), 'Condition', 'onset-age').map(({ lower, upper }) => [
        lower,
        upper,
      ]);
    expect(of({ low: { value: 1 }, high: { value: 2 } })).toEqual([[1, 2]]);
    expect(of({ low: { value: 1 } })).toEqual([[1, Infinity]]);
    expect(of({ high: { value: 2 } })).toEqual([[-Infinity, 2]]);
    expect(of({ low: { value: 2 }, high: { value: 1 } })).toEqual([]);
    expect(of({})).toEqual([]);
  });

  it('of an amount of money have its currency as their unit', () => {
    const rows = index({ resourceType: 'Invoice', totalNet: { value: 40, currency: 'EUR' } });
    expect(numbersOf(rows, 'Invoice', 'totalnet').map(({ scope, marks }) => [scope, marks])).toEqual([
      [anyScope, ['mark|unit|EUR']],
      ['scope|unit|20|urn:iso:std:iso:4217|EUR', []],
    ]);
  });

  it('are irregular when a parameter has several, and equal ones are one row', () => {
    const rows = index({
      resourceType: 'RiskAssessment',
      prediction: [{ probabilityDecimal: 0.5 }, { probabilityDecimal: 0.7 }, { probabilityDecimal: 0.5 }],
    });
    expect(numbersOf(rows, 'RiskAssessment', 'probability').map(({ lower, irregular }) => [lower, irregular])).toEqual([
      [0.5, true],
      [0.7, true],
    ]);
  });

  it('of a composite stand under the code they belong to, and carry its system', () => {
    const rows = index({
      resourceType: 'Observation',
      component: [
        { code: { coding: [{ system: 'http://l', code: 'a' }] }, valueQuantity: { value: 1 } },
        { code: { coding: [{ code: 'b' }] }, valueQuantity: { value: 1 } },
        { code: { text: 'no code' }, valueQuantity: { value: 1 } },
      ],
    });
    expect(numbersOf(rows, 'Observation', 'component-code-value-quantity')).toEqual([
      { ...row, scope: 'scope|1|1|a|', lower: 1, upper: 1, marks: ['mark|0|pair|8|http://l|a'] },
      { ...row, node: 1, scope: 'scope|1|1|b|', lower: 1, upper: 1, marks: ['mark|0|pair|0||b'] },
    ]);
    expect(numbersOf(rows, 'Observation', 'combo-code-value-quantity')).toEqual([]);
  });
});

describe('words and sort texts', () => {
  it('are the words of the narrative, with a weight, of other texts, and the texts beside codes under their parameter', () => {
    const { words } = index({
      resourceType: 'Observation',
      text: { status: 'generated', div: '<div>Heart</div>' },
      code: { coding: [{ code: '1', display: "Heart's rate" }] },
    });
    expect(words).toBe(`'${key('Observation', 'code')}|heart''s rate' 1:1 heart:1A s:1 rate:1`);
  });

  it('have room in the database however long a document is', () => {
    const text = Array.from({ length: 200_000 }, (_, index) => `word${index}`).join(' ');
    expect(index({ resourceType: 'Basic', text: { div: text } }).words.length).toBeLessThan(1_000_000);
  });

  it('are the least code of a token and the least text of a reference, and the greatest where it is another', () => {
    const { sortTexts } = index({
      resourceType: 'Patient',
      meta: { tag: [{ code: 'x' }] },
      identifier: [{ value: 'b' }, { value: 'a' }, { system: 's' }],
      active: true,
      managingOrganization: { reference: 'https://me.example/fhir/R4/Organization/o' },
    });
    expect(JSON.parse(sortTexts)).toEqual({
      identifier: 'a',
      '-identifier': 'b',
      active: 'true',
      deceased: 'false',
      organization: 'Organization/o',
    });
  });
});

describe('the members of a list', () => {
  it('are those whose entries are not marked as deleted', () => {
    const rows = index({
      resourceType: 'List',
      entry: [{ item: { reference: 'Patient/1/_history/3' } }, { item: { reference: 'Patient/2' }, deleted: true }, {}],
    });
    const members = rows.references.filter(({ parameter }) => parameter === listMembers.key);
    expect(members.map(({ target }) => target)).toEqual(['reference|Patient/1']);
    expect(targetsOf(rows, 'List', 'item')).toContain('reference|Patient/2');
  });
});

describe('references', () => {
  it.each([
    ['Patient/1', ['reference|Patient/1']],
    ['https://me.example/fhir/R4/Patient/1', ['reference|Patient/1']],
    ['https://you.example/Patient/1', ['reference|https://you.example/Patient/1']],
    ['Patient/1/_history/2', ['reference|Patient/1/_history/2', 'reference|Patient/1']],
    ['#contained', []],
    ['urn:uuid:1', ['reference|urn:uuid:1']],
  ])('%s points to %j', (reference, targets) => {
    expect(targetsOf(index({ resourceType: 'Observation', subject: { reference } }), 'Observation', 'subject')).toEqual(
      targets,
    );
  });

  it('carry the start of the main date of their type', () => {
    const rows = index({
      resourceType: 'Observation',
      subject: { reference: 'Patient/1' },
      effectiveDateTime: '2024-05',
    });
    expect(rows.references.length).toBeGreaterThan(0);
    for (const { ord } of rows.references) expect(ord).toBe('2024-05-01T00:00:00.000Z');
    const without = index({ resourceType: 'Observation', subject: { reference: 'Patient/1' } });
    for (const { ord } of without.references) expect(ord).toBeNull();
  });

  it('to a canonical are found with and without its version', () => {
    const rows = index({ resourceType: 'QuestionnaireResponse', questionnaire: 'http://q|1' });
    expect(targetsOf(rows, 'QuestionnaireResponse', 'questionnaire')).toEqual([
      'reference|http://q|1',
      'reference|http://q',
    ]);
  });
});

describe('a resource of unexpected form', () => {
  const odd: JsonObject[] = [
    { name: 'x', identifier: 5, birthDate: {}, address: [null, 7], gender: ['a'] },
    { name: [{ given: 'x', family: [1] }], identifier: [{ value: { a: 1 } }], generalPractitioner: [{ reference: 5 }] },
    { ['__proto__']: { x: 1 }, constructor: 'x' },
  ];

  it.each(odd.map((members) => [JSON.stringify(members), members] as const))(
    'is indexed as far as it goes: %s',
    (_, members) => {
      expect(() => index({ resourceType: 'Patient', ...members })).not.toThrow();
    },
  );
});

/** Of so many that work which grows with their square would take minutes. */
describe('a resource with very many elements', () => {
  const many = <Value>(count: number, make: (index: number) => Value): Value[] =>
    Array.from({ length: count }, (_, index) => make(index));
  const dayOf = (index: number) => new Date(index * 86_400_000).toISOString().slice(0, 10);
  const codings = (count: number, prefix: string) => ({ coding: many(count, (index) => ({ code: prefix + index })) });
  const startingWith = (texts: readonly string[], type: string, code: string) =>
    texts.filter((text) => text.startsWith(`${key(type, code)}|`) && text !== `${key(type, code)}|present`);

  it('has only so many entries of composites, whose values multiply', () => {
    const component = many(300, () => ({
      code: codings(100, 'a'),
      valueCodeableConcept: codings(100, 'b'),
    }));
    const { tokens } = index({ resourceType: 'Observation', component });
    const entries = startingWith(tokens, 'Observation', 'component-code-value-concept');
    expect(entries.length).toBeGreaterThan(1000);
    expect(entries.length).toBeLessThanOrEqual(5000);
  });

  it('has fewer entries of composites when their texts are long', () => {
    const long = 'x'.repeat(100_000);
    const { tokens } = index({
      resourceType: 'Observation',
      code: { coding: [{ code: long }] },
      valueCodeableConcept: codings(5000, 'b'),
    });
    expect(startingWith(tokens, 'Observation', 'code-value-concept').length).toBeLessThanOrEqual(50);
  });

  it('makes no combinations for parts of which one is missing', () => {
    const { tokens } = index({
      resourceType: 'Observation',
      component: many(300, () => ({ code: codings(100, 'a'), valueQuantity: { value: 1 } })),
    });
    expect(startingWith(tokens, 'Observation', 'component-code-value-concept')).toEqual([]);
  });

  it('has a row for each of the numbers and its marks', () => {
    const component = many(20_000, (value) => ({ code: { coding: [{ code: 'a' }] }, valueQuantity: { value } }));
    const { numbers } = index({ resourceType: 'Observation', component });
    const own = numbers.filter(({ parameter }) => parameter === key('Observation', 'component-value-quantity'));
    expect(own).toHaveLength(20_000);

    const quantities = (valueOf: (index: number) => JsonObject) =>
      index({ resourceType: 'PlanDefinition', useContext: many(30_000, valueOf) }).numbers.filter(
        ({ parameter, scope }) => parameter === key('PlanDefinition', 'context-quantity') && scope === anyScope,
      );
    const [equal, ...others] = quantities((unit) => ({ valueQuantity: { value: 1, unit: `u${unit}` } }));
    expect(equal?.marks).toHaveLength(30_000);
    expect(others).toEqual([]);
    const ranges = quantities((high) => ({ valueRange: { low: { value: 0 }, high: { value: high } } }));
    expect(ranges).toHaveLength(30_000);
  });

  it('has a row for each of the dates', () => {
    const event = many(60_000, dayOf);
    const request = index({ resourceType: 'MedicationRequest', dosageInstruction: [{ timing: { event } }] });
    expect(datesOf(request, 'MedicationRequest', 'date')).toHaveLength(60_000);
  });

  it('has one span for a timing with any number of events', () => {
    const event = many(150_000, (index) => dayOf(index % 10));
    const rows = index({ resourceType: 'Observation', effectiveTiming: { event } });
    expect(datesOf(rows, 'Observation', 'date')).toEqual([
      { lower: '1970-01-01T00:00:00.000Z', upper: '1970-01-11T00:00:00.000Z', irregular: true },
    ]);
  });

  it('has a row for each of the names', () => {
    const { strings } = index({ resourceType: 'Patient', name: many(20_000, (index) => ({ family: `n${index}` })) });
    expect(strings.filter(({ parameter }) => parameter === key('Patient', 'family'))).toHaveLength(20_000);
  });

  it('has the words of a narrative that is full of open tags', () => {
    const { words } = index({ resourceType: 'Basic', text: { div: `${'<'.repeat(1_000_000)}b>word` } });
    expect(words).toBe('word:1A');
  });
});
