import { fhirVersion } from '../versions/registry.js';
import { fhirpathCompiler } from './fhirpath-compiler.js';
import { limitUnits } from './unit-limits.js';

const metres = (count: number): string => Array.from({ length: count }, () => 'm').join('.');

const evaluate = (expression: string, code: string): readonly unknown[] =>
  fhirpathCompiler(fhirVersion('R4'))(expression)(
    {
      resourceType: 'Observation',
      valueQuantity: { value: 2, system: 'http://unitsofmeasure.org', code },
      note: [{ text: `3 '${code}'` }],
    },
    {},
  );

describe('the unit of a quantity', () => {
  it.each([
    ['multiplied', "(value * (1 'kg')).exists()"],
    ['divided', "(value / (1 'kg')).exists()"],
    ['compared', "value > 1 'kg'"],
    ['made of a text', "(note.text.toQuantity() * (1 'kg')).exists()"],
    ['told apart', "(value | 1 'kg').count() > 1"],
  ])('is not read when it is longer than any that there is, to be %s', (_, expression) => {
    expect(() => evaluate(expression, metres(50_000))).toThrow('too long a text');
  });

  it('is read when people write it', () => {
    expect(evaluate("value * (1 'm') = 2 'm2'", 'm')).toEqual([true]);
    expect(evaluate("value < 1 'km'", 'mm')).toEqual([true]);
  });

  it('is not read when so many have been that no more may be kept', () => {
    const read: unknown[] = [];
    const reader = {
      convertToBaseUnits: (unit: unknown) => read.push(unit),
      convertUnitTo: () => 'converted',
      getSpecifiedUnit: () => 'specified',
    };
    limitUnits(reader, 2);
    reader.convertToBaseUnits('m');
    reader.convertToBaseUnits('g');
    expect(() => reader.convertToBaseUnits('s')).toThrow('too many');
    expect([read, reader.convertUnitTo()]).toEqual([['m', 'g'], 'converted']);
  });
});
