import type { JsonObject } from '../../json/json-value.js';
import { fhirVersion } from '../../versions/registry.js';
import { compileInvariant } from './compile-invariant.js';

const r4 = fhirVersion('R4');
const structure = (name: string) => r4.structure(name);

/** What the compiled expression says of an Observation; `left` when fhirpath has to say. */
function verdict(expression: string, members: JsonObject): boolean | undefined | 'left' | 'not compiled' {
  const left = 'left' as unknown as boolean;
  const test = compileInvariant(structure, ['Observation'], expression, () => left);
  const resource = { resourceType: 'Observation', ...members };
  return test ? test(resource, { resource, rootResource: resource }) : 'not compiled';
}

describe('a compiled invariant', () => {
  const status = { status: 'final' };
  const extended = { _status: { extension: [{ url: 'u', valueString: 'v' }] } };

  it.each<[string, JsonObject, boolean | undefined]>([
    ["status = 'final'", status, true],
    ["status = 'final'", { status: 'amended' }, false],
    ["status = 'final'", {}, undefined],
    ["status != 'final'", { status: 'amended' }, true],
    ["Observation.status = 'final'", status, true],
    ["%resource.status in ('final' | 'amended')", status, true],
    ["status in ('amended' | 'draft')", status, false],
    ["status.startsWith('fin') and status.endsWith('al') and status.contains('ina')", status, true],
    ['value.exists()', { valueQuantity: { value: 1 } }, true],
    ['value.exists()', { valueString: 'x' }, true],
    ['value.exists()', status, false],
    ['value.empty().not()', { _valueString: extended._status }, true],
    ['status.exists()', extended, true],
    ['status.hasValue()', extended, false],
    ['status.hasValue()', status, true],
    ['category.count() > 1', { category: [{ text: 'a' }, { text: 'b' }] }, true],
    ['category.count() + method.count() = 1', { category: [{ text: 'a' }] }, true],
    [
      'category.coding.code.isDistinct()',
      { category: [{ coding: [{ code: 'a' }] }, { coding: [{ code: 'a' }] }] },
      false,
    ],
    // Comparing what has no value would be left to fhirpath, which compares each with each.
    ['category.text.isDistinct()', { category: [{ _text: extended._status }, { _text: extended._status }] }, true],
    ['category.text.count() = category.text.distinct().count()', { category: [{ _text: {} }, { text: 'a' }] }, true],
    ['category.text.isDistinct()', { category: [{ text: 'a' }, { _text: {} }, { text: 'a' }] }, false],
    [
      "category.coding.where(system = 's' and code = 'c').exists()",
      { category: [{ coding: [{ system: 's' }] }] },
      false,
    ],
    ["category.all(text = 'a')", { category: [{ text: 'a' }, { text: 'b' }] }, false],
    ["category.exists(text = 'b')", { category: [{ text: 'a' }, { text: 'b' }] }, true],
    ["category.select(text = 'a').allFalse()", { category: [{ text: 'b' }] }, true],
    ["category.text.first() = 'a'", { category: [{ text: 'a' }, { text: 'b' }] }, true],
    [
      'issued >= meta.lastUpdated',
      { issued: '2020-01-01T00:00:00Z', meta: { lastUpdated: '2020-01-02T00:00:00Z' } },
      false,
    ],
    ['status.exists() xor value.exists()', status, true],
    ["status = 'x' implies value.exists()", status, true],
    ["value.exists() or status = 'x'", {}, undefined],
    ["value.exists() and status = 'x'", {}, false],
    ["status.trace('it') = 'final'", status, true],
    ['contained.where($this.is(Patient)).exists()', { contained: [{ resourceType: 'Patient' }] }, true],
    [
      'referenceRange.low.system.empty() or referenceRange.low.system = %ucum',
      { referenceRange: [{ low: { system: 'x' } }] },
      false,
    ],
  ])('%s of %j is %s', (expression, members, expected) => {
    expect(verdict(expression, members)).toBe(expected);
  });

  it.each<[string, JsonObject]>([
    ["status = 'final'", extended],
    ["category.text = 'a'", { category: [{ text: 'a' }, { text: 'b' }] }],
    ['issued >= meta.lastUpdated', { issued: '2020-01-01T00:00:00Z', meta: { lastUpdated: '2020-01-01T00:00:00.5Z' } }],
  ])('leaves to fhirpath what is not simple in the resource: %s of %j', (expression, members) => {
    expect(verdict(expression, members)).toBe('left');
  });

  it.each([
    'subject.resolve().exists()',
    "status.matches('a')",
    "value = 'x'",
    "status & 'x' = 'y'",
    'status[0].exists()',
    "status = 'it\\'s'",
    'noSuchElement.exists()',
    'value is Quantity',
    "status = ('final'",
    "status = 'final')",
    '%context.status.exists()',
    'issued >= effective',
    'issued = issued',
    '',
  ])('is not made of an expression whose meaning is not simple: %s', (expression) => {
    expect(verdict(expression, status)).toBe('not compiled');
  });
});

it('looks up what a step finds once, however often an expression takes it', () => {
  let lookUps = 0;
  const counted = (name: string) => {
    lookUps++;
    return structure(name);
  };
  const lookUpsOf = (times: number): number => {
    lookUps = 0;
    const expression = `extension${'.value.extension'.repeat(times)}.exists()`;
    expect(compileInvariant(counted, ['Patient'], expression, () => true)).toBeDefined();
    return lookUps;
  };
  expect(lookUpsOf(300)).toBe(lookUpsOf(2));
});
