/** Value sets and code systems that are written to keep the server busy: each ends soon, or is refused. */
import type { JsonObject } from '../json/json-value.js';
import { codeSystemReader, readCodeSystem } from './code-system.js';
import { expandValueSet } from './expand-value-set.js';
import { matchingCodes } from './matching-codes.js';
import { readValueSet } from './value-set.js';

const SYSTEM = 'http://codes.example/system';
const LISTED = 'http://sets.example/listed';

const listed = readValueSet({
  url: LISTED,
  compose: { include: [{ system: SYSTEM, concept: Array.from({ length: 1_000 }, (_, n) => ({ code: `c${n}` })) }] },
});

/** Expands `include` over a code system with these members, and counts how often that one was read. */
async function expansion(system: JsonObject, include: JsonObject[]): Promise<{ total: unknown; reads: number }> {
  let reads = 0;
  const source = {
    valueSets: async (canonicals: readonly string[]) => new Map(canonicals.map((canonical) => [canonical, listed])),
    codeSystems: async (canonicals: readonly string[]) => {
      if (!canonicals.includes(SYSTEM)) return new Map();
      reads += 1;
      const read = readCodeSystem({ url: SYSTEM, content: 'complete', ...system });
      return new Map(read === undefined ? [] : [[SYSTEM, read]]);
    },
  };
  const stamp = { identifier: 'urn:uuid:1', timestamp: '2026-01-01T00:00:00.000Z' };
  const expanded = await expandValueSet(source, readValueSet({ compose: { include } }), { count: 1 }, stamp);
  return { total: (expanded.expansion as JsonObject).total, reads };
}

/** How many milliseconds of the processor `work` takes. */
async function processorTime(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

const concepts = (count: number): JsonObject[] => Array.from({ length: count }, (_, n) => ({ code: `c${n}` }));
const tooCostly = { category: 'too-costly' };

describe('an expansion is refused as too costly', () => {
  it('when it looks through other value sets for codes that they do not have', async () => {
    const include = Array.from({ length: 300 }, () => ({ system: 'http://codes.example/other', valueSet: [LISTED] }));
    await expect(expansion({ concept: [] }, include.slice(0, 10))).resolves.toMatchObject({ total: 0 });
    await expect(expansion({ concept: [] }, include)).rejects.toMatchObject(tooCostly);
  });

  it('when many filters look at many properties of few codes', async () => {
    const property = Array.from({ length: 20_000 }, (_, n) => ({ code: 'k', valueString: `v${n}` }));
    const filter = Array.from({ length: 200 }, () => ({ property: 'k', op: 'in', value: 'v1' }));
    const include = (count: number) => [{ system: SYSTEM, filter: filter.slice(0, count) }];
    const concept = [{ code: 'a', property }];
    await expect(expansion({ concept }, include(2))).resolves.toMatchObject({ total: 1 });
    await expect(expansion({ concept }, include(200))).rejects.toMatchObject(tooCostly);
  });

  it('when a code system is larger than this process should hold', () => {
    const read = (parts: number) => () =>
      readCodeSystem({
        url: SYSTEM,
        content: 'complete',
        concept: [{ code: 'a', property: Array.from({ length: parts }, () => ({ code: 'k', valueCode: 'x' })) }],
      });
    expect(read(1_000)()?.size).toBe(1_001);
    expect(read(500_000)).toThrow(expect.objectContaining(tooCostly));
  });

  it('when several code systems are so together', () => {
    const read = codeSystemReader();
    const next = () => read({ url: SYSTEM, content: 'complete', concept: concepts(200_000) });
    expect([next()?.size, next()?.size]).toEqual([200_000, 200_000]);
    expect(next).toThrow(expect.objectContaining(tooCostly));
  });
});

describe('the designations of a concept that is named again and again', () => {
  const value = (n: number): JsonObject => ({ value: `v${n}` });
  const concept = [{ code: 'a', designation: Array.from({ length: 40_000 }, (_, n) => value(n)) }];
  const naming = (count: number, more: JsonObject) => [
    { system: SYSTEM, concept: Array.from({ length: count }, () => ({ code: 'a', ...more })) },
  ];

  it('are there once', async () => {
    await expect(expansion({ concept }, naming(90_000, {}))).resolves.toMatchObject({ total: 1 });
  });

  it('are refused as too costly where the value set adds others', async () => {
    const designation = [value(0)];
    await expect(expansion({ concept }, naming(10, { designation }))).resolves.toMatchObject({ total: 1 });
    await expect(expansion({ concept }, naming(90_000, { designation }))).rejects.toMatchObject(tooCostly);
  });
});

describe('time grows with what there is, and not with its square', () => {
  it.each<[string, JsonObject, JsonObject]>([
    [
      'children of one code',
      { concept: [{ code: 'root', concept: concepts(90_000) }] },
      { filter: [{ property: 'concept', op: 'child-of', value: 'root' }] },
    ],
    [
      'parents of one code',
      {
        concept: [
          ...concepts(90_000),
          { code: 'x', property: concepts(90_000).map(({ code }) => ({ code: 'parent', valueCode: code as string })) },
        ],
      },
      {},
    ],
  ])('for %s', async (_, system, selection) => {
    const took = await processorTime(() => expansion(system, [{ system: SYSTEM, ...selection }]));
    expect(took).toBeLessThan(3_000);
  });

  it('for a long text that is looked for in long displays, and others get their turn', async () => {
    const display = `${'b '.repeat(10_000)}a`;
    const codes = Array.from({ length: 100 }, (_, n) => ({
      ...{ system: SYSTEM, code: `z${n}`, display, designations: [] },
      ...{ isInactive: false, isAbstract: false },
    }));
    let turns = 0;
    const others = setInterval(() => turns++, 0);
    const took = await processorTime(async () => {
      expect(await matchingCodes(codes, 'a.'.repeat(900))).toHaveLength(100);
    });
    clearInterval(others);
    expect(turns).toBeGreaterThan(3);
    expect(took).toBeLessThan(3_000);
  });
});

it('a code system that several value sets need is read once', async () => {
  const nested = Array.from({ length: 5 }, (_, n) => ({ valueSet: [`http://sets.example/${n}`] }));
  await expect(expansion({ concept: concepts(3) }, nested)).resolves.toEqual({ total: 1_000, reads: 1 });
});
