import { fhirVersion } from '#fhir';
import { parseSearch } from './parse-search.js';

const version = fhirVersion('R4');
const criteriaOf = (query: string) => parseSearch(version, 'ValueSet', query, { handling: 'strict' }).criteria;
const canonicals = (count: number, text: (number: number) => string) =>
  `url=${Array.from({ length: count }, (_, number) => text(number)).join(',')}`;

describe('canonical addresses with a version', () => {
  it('count as a criterion each, because each is one', () => {
    expect(() => criteriaOf(canonicals(990, (number) => `u${number}|1`))).toThrow(/at most 100/);
    expect(() => criteriaOf(canonicals(101, (number) => `u${number}|1`))).toThrow(/at most 100/);
    expect(() => criteriaOf(`${canonicals(100, (number) => `u${number}|1`)}&name=x`)).toThrow(/at most 100/);
    expect(criteriaOf(canonicals(100, (number) => `u${number}|1`))).toHaveLength(1);
  });

  it('make one criterion of those beside them that have none', () => {
    const mixed = canonicals(990, (number) => (number < 99 ? `u${number}|1` : `u${number}`));
    expect(criteriaOf(mixed)).toMatchObject([
      { kind: 'or', criteria: { length: 100, 0: { kind: 'uri', values: { length: 891 } }, 1: { kind: 'and' } } },
    ]);
    expect(() => criteriaOf(canonicals(990, (number) => (number < 100 ? `u${number}|1` : `u${number}`)))).toThrow(
      /at most 100/,
    );
  });
});
