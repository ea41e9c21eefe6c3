import type { JsonObject } from '../json/json-value.js';
import { type CodeSystem, readCodeSystem } from './code-system.js';
import { expandValueSet } from './expand-value-set.js';
import { readValueSet } from './value-set.js';
import type { TerminologySource } from './value-set-codes.js';
import {
  all,
  codesOf,
  everyAnimal,
  expand,
  expansionOf,
  filtered,
  named,
  refusalOf,
  source,
  stamp,
  system,
} from './expansion.fixture.js';

describe('the codes of a value set', () => {
  const cases: [name: string, compose: JsonObject, codes: string[]][] = [
    ['all of a system, parents first', { include: [all('animals')] }, everyAnimal],
    ['those that it names, in its order', { include: [named('animals', 'whale', 'dog')] }, ['whale', 'dog']],
    ['several parts one after the other', { include: [all('sizes'), named('animals', 'dog')] }, ['s', 'm', 'dog']],
    ['each code once', { include: [all('sizes'), named('sizes', 's')] }, ['s', 'm']],
    ['what a filter leaves', { include: [filtered('animals', ['concept', 'is-a', 'dog'])] }, ['dog', 'poodle']],
    [
      'children that name their parent',
      { include: [filtered('animals', ['concept', 'descendent-of', 'mammal'])] },
      ['dog', 'poodle', 'whale', 'platypus'],
    ],
    ['child-of', { include: [filtered('animals', ['concept', 'child-of', 'mammal'])] }, ['dog', 'whale', 'platypus']],
    [
      'descendent-leaf',
      { include: [filtered('animals', ['concept', 'descendent-leaf', 'mammal'])] },
      ['poodle', 'whale', 'platypus'],
    ],
    ['is-not-a', { include: [filtered('animals', ['concept', 'is-not-a', 'mammal'])] }, ['dodo']],
    [
      'generalizes',
      { include: [filtered('animals', ['concept', 'generalizes', 'poodle'])] },
      ['mammal', 'dog', 'poodle'],
    ],
    ['in', { include: [filtered('animals', ['concept', 'in', 'dog, dodo'])] }, ['dog', 'dodo']],
    ['not-in', { include: [filtered('sizes', ['code', 'not-in', 's'])] }, ['m']],
    ['a property', { include: [filtered('animals', ['legs', '=', '4'])] }, ['dog', 'poodle']],
    ['a property in a list', { include: [filtered('animals', ['legs', 'in', '0,8'])] }, ['whale']],
    ['a property at all', { include: [filtered('animals', ['legs', 'exists', 'true'])] }, ['dog', 'poodle', 'whale']],
    ['no parent', { include: [filtered('animals', ['parent', 'exists', 'false'])] }, ['mammal', 'dodo']],
    ['a display', { include: [filtered('animals', ['display', '=', 'Dodo'])] }, ['dodo']],
    [
      'all filters at once',
      { include: [filtered('animals', ['concept', 'is-a', 'mammal'], ['legs', '=', '0'])] },
      ['whale'],
    ],
    ['concepts in a circle', { include: [filtered('loop', ['concept', 'is-a', 'a'])] }, ['a', 'b', 'c']],
    ['those of another value set', { include: [{ valueSet: ['http://sets.example/pets'] }] }, ['dog', 'whale']],
    [
      'what all of its value sets have',
      { include: [{ valueSet: ['http://sets.example/all', 'http://sets.example/pets'] }] },
      ['dog', 'whale'],
    ],
    [
      'what both its system and its value set have',
      { include: [{ ...filtered('animals', ['legs', '=', '4']), valueSet: ['http://sets.example/pets'] }] },
      ['dog'],
    ],
    [
      'of a system that is not known what a value set has of it',
      { include: [{ system: 'http://unknown.example', valueSet: ['http://sets.example/pets'] }] },
      [],
    ],
    [
      'not what is excluded',
      { include: [all('animals')], exclude: [filtered('animals', ['concept', 'is-a', 'mammal'])] },
      ['dodo'],
    ],
    [
      'not what an excluded value set has',
      { include: [all('animals')], exclude: [{ valueSet: ['http://sets.example/pets'] }] },
      ['mammal', 'poodle', 'dodo', 'platypus'],
    ],
    [
      'everything where nothing of the excluded system is in it',
      { include: [all('sizes')], exclude: [{ system: 'http://unknown.example' }] },
      ['s', 'm'],
    ],
    [
      'named codes of a system that is not known',
      { include: [{ system: 'http://unknown.example', concept: [{ code: 'x', display: 'X' }] }] },
      ['x'],
    ],
    [
      'no inactive ones when it says so',
      { inactive: false, include: [filtered('animals', ['concept', 'is-not-a', 'mammal'])] },
      [],
    ],
  ];

  it.each(cases)('are %s', async (_name, compose, codes) => {
    expect(await codesOf(compose)).toEqual(codes);
  });

  const refusals: [name: string, compose: JsonObject, refusal: string][] = [
    [
      'a system that is not here',
      { include: [{ system: 'http://snomed.info/sct' }] },
      'unprocessable not-supported: The value set needs the codes of http://snomed.info/sct, which are not here.',
    ],
    [
      'a version of a system that is not here',
      { include: [{ ...all('animals'), version: '2' }] },
      'unprocessable not-supported: The value set needs the codes of http://codes.example/animals|2, which are not here.',
    ],
    [
      'a filter that is not here',
      { include: [filtered('animals', ['code', 'regex', '(a+)+b'])] },
      "unprocessable not-supported: The filter 'code regex' on the code system http://codes.example/animals is not supported.",
    ],
    [
      'a property that the system does not have',
      { include: [filtered('sizes', ['legs', '=', '4'])] },
      "unprocessable not-supported: The code system http://codes.example/sizes has no property 'legs'.",
    ],
    [
      'a concept that the system does not have',
      { include: [filtered('sizes', ['concept', 'is-a', 'xl'])] },
      "unprocessable not-supported: The code system http://codes.example/sizes has no code 'xl'.",
    ],
    [
      'a value set that is not here',
      { include: [{ valueSet: ['http://sets.example/none'] }] },
      'unprocessable not-supported: The value set is made of the value set http://sets.example/none, which is not here.',
    ],
    [
      'value sets that are made of each other',
      { include: [{ valueSet: ['http://sets.example/first'] }] },
      'unprocessable business-rule: The value set http://sets.example/first is made of itself: http://sets.example/first > http://sets.example/second.',
    ],
    [
      'a value set that says nothing',
      { include: [{ valueSet: ['http://sets.example/silent'] }] },
      'unprocessable not-supported: The value set http://sets.example/silent does not say which codes it has.',
    ],
    [
      'a part of nothing',
      { include: [{ concept: [{ code: 'x' }] }] },
      'unprocessable business-rule: The value set has a part that names neither a code system nor a value set.',
    ],
  ];

  it.each(refusals)('are refused for %s', async (_name, compose, refusal) => {
    expect(await refusalOf(compose)).toBe(refusal);
  });

  it('are those of the version that is named', async () => {
    const include = [{ ...filtered('animals', ['legs', '=', '0']), version: '3' }];
    expect((await expansionOf({ include })).contains).toEqual([
      { system: 'http://codes.example/animals', version: '3', code: 'whale', display: 'Blue whale' },
    ]);
  });

  it('are those of the expansion that the resource brings along, when they cannot be computed', async () => {
    const compose = { include: [{ system: 'http://snomed.info/sct' }] };
    const contains = [
      { display: 'Group', contains: [{ system: 'http://snomed.info/sct', code: '1', display: 'One' }] },
      { system: 'http://snomed.info/sct', code: '2', inactive: true },
    ];
    const { expansion } = await expand({ compose, expansion: { total: 2, contains } });
    expect(expansion).toMatchObject({
      total: 2,
      contains: [
        { code: '1', display: 'One' },
        { code: '2', inactive: true },
      ],
    });
    await expect(expand({ compose, expansion: { total: 3, contains } })).rejects.toThrow(/not here/);
    await expect(expand({ compose, expansion: { offset: 5, contains } })).rejects.toThrow(/not here/);
    for (const parameter of [[{ name: 'filter', valueString: 'o' }], [{ name: 'activeOnly', valueBoolean: true }]]) {
      await expect(expand({ compose, expansion: { parameter, contains } })).rejects.toThrow(/not here/);
    }
    const whole = [
      { name: 'activeOnly', valueBoolean: false },
      { name: 'count', valueInteger: 9 },
    ];
    await expect(expand({ compose, expansion: { parameter: whole, contains } })).resolves.toBeDefined();
  });

  it('may be many, and no more than one request should look at', async () => {
    const sets = Array.from({ length: 250 }, (_, n) => `http://sets.example/${n}`);
    const many: TerminologySource = {
      ...source,
      valueSets: async (canonicals) =>
        new Map(canonicals.map((url) => [url, readValueSet({ url, compose: { include: [all('large')] } })])),
    };
    const expandSets = (count: number) =>
      expandValueSet(
        many,
        readValueSet({ compose: { include: sets.slice(0, count).map((url) => ({ valueSet: [url] })) } }),
        { count: 1 },
        stamp,
      );
    await expect(expandSets(10)).resolves.toMatchObject({ expansion: { total: 1_200 } });
    await expect(expandSets(100)).rejects.toMatchObject({ category: 'too-costly' });
    await expect(expandSets(250)).rejects.toMatchObject({ category: 'too-costly' });
    const rules = Array.from({ length: 200 }, (): [string, string, string] => ['code', 'exists', 'true']);
    expect(await refusalOf({ include: [filtered('large', ...rules)] })).toMatch(/^too-costly/);
    const systems = Array.from({ length: 501 }, (_, n) => named(`unknown-${n}`, 'x'));
    expect(await refusalOf({ include: systems })).toMatch(/^too-costly/);
    expect(await codesOf({ include: systems.slice(1) })).toHaveLength(500);
  });

  it('are read from a system that is nested deeper than a program calls itself', async () => {
    let concept: JsonObject = { code: 'leaf', display: 'Leaf' };
    for (let depth = 0; depth < 20_000; depth++) concept = { code: `c${depth}`, concept: [concept] };
    const deep = readCodeSystem(system('deep', { concept: [concept] })) as CodeSystem;
    expect(deep.concepts.get('leaf')?.parents).toEqual(new Set(['c0']));
  });
});
