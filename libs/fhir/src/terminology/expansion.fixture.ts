/** Code systems and value sets of a small world, and ways to expand value sets over them, for specs. */
import type { JsonObject } from '../json/json-value.js';
import { OutcomeError } from '../outcomes/outcome-error.js';
import { type Canonical, canonicalText } from './canonical.js';
import { readCodeSystem } from './code-system.js';
import { expandValueSet, type ExpansionWishes } from './expand-value-set.js';
import { readValueSet } from './value-set.js';
import type { TerminologySource } from './value-set-codes.js';

export const system = (name: string, more: JsonObject): JsonObject => ({
  resourceType: 'CodeSystem',
  url: `http://codes.example/${name}`,
  status: 'active',
  content: 'complete',
  ...more,
});

const animals = system('animals', {
  version: '3',
  property: [{ code: 'legs', type: 'integer' }],
  concept: [
    {
      code: 'mammal',
      display: 'Mammal',
      property: [{ code: 'notSelectable', valueBoolean: true }],
      concept: [
        {
          code: 'dog',
          display: 'Dog',
          property: [{ code: 'legs', valueInteger: 4 }],
          designation: [
            { language: 'de-AT', value: 'Hund' },
            { language: 'fr', value: 'Chien' },
          ],
          concept: [{ code: 'poodle', display: 'Poodle dog', property: [{ code: 'legs', valueInteger: 4 }] }],
        },
        { code: 'whale', display: 'Blue whale', property: [{ code: 'legs', valueInteger: 0 }] },
      ],
    },
    { code: 'dodo', display: 'Dodo', property: [{ code: 'status', valueCode: 'retired' }] },
    { code: 'platypus', display: 'Platypus', property: [{ code: 'parent', valueCode: 'mammal' }] },
  ],
});

const resources: JsonObject[] = [
  animals,
  system('sizes', {
    concept: [
      { code: 's', display: 'Small' },
      { code: 'm', display: 'Medium' },
    ],
  }),
  system('loop', {
    concept: [
      { code: 'a', property: [{ code: 'parent', valueCode: 'b' }] },
      { code: 'b', property: [{ code: 'parent', valueCode: 'a' }] },
      { code: 'c', property: [{ code: 'parent', valueCode: 'b' }] },
    ],
  }),
  system('part', { content: 'fragment', concept: [{ code: 'p' }] }),
  system('large', { concept: Array.from({ length: 1_200 }, (_, n) => ({ code: `n${n}`, display: `Number ${n}` })) }),
  {
    resourceType: 'ValueSet',
    url: 'http://sets.example/pets',
    compose: { include: [named('animals', 'dog', 'whale')] },
  },
  { resourceType: 'ValueSet', url: 'http://sets.example/all', compose: { include: [all('animals')] } },
  {
    resourceType: 'ValueSet',
    url: 'http://sets.example/first',
    compose: { include: [{ valueSet: ['http://sets.example/second'] }] },
  },
  {
    resourceType: 'ValueSet',
    url: 'http://sets.example/second',
    compose: { include: [{ valueSet: ['http://sets.example/first'] }] },
  },
  { resourceType: 'ValueSet', url: 'http://sets.example/silent' },
];

export function all(name: string): JsonObject {
  return { system: `http://codes.example/${name}` };
}

export function named(name: string, ...codes: string[]): JsonObject {
  return { ...all(name), concept: codes.map((code) => ({ code })) };
}

export function filtered(name: string, ...filters: [property: string, op: string, value: string][]): JsonObject {
  return { ...all(name), filter: filters.map(([property, op, value]) => ({ property, op, value })) };
}

export const source: TerminologySource = {
  valueSets: async (canonicals) => pick(canonicals, 'ValueSet', readValueSet),
  codeSystems: async (canonicals) => pick(canonicals, 'CodeSystem', readCodeSystem),
};

function pick<Read>(
  canonicals: readonly string[],
  type: string,
  read: (resource: JsonObject) => Read | undefined,
): Map<string, Read> {
  return new Map(
    canonicals.flatMap((canonical): [string, Read][] => {
      const found = resources.find(
        ({ resourceType, url, version }) =>
          resourceType === type && (url === canonical || canonicalText({ url, version } as Canonical) === canonical),
      );
      const one = found && read(found);
      return one === undefined ? [] : [[canonical, one]];
    }),
  );
}

export const stamp = { identifier: 'urn:uuid:1', timestamp: '2026-01-01T00:00:00.000Z' };

export const expand = (resource: JsonObject, wishes: ExpansionWishes = {}): Promise<JsonObject> =>
  expandValueSet(source, readValueSet({ resourceType: 'ValueSet', ...resource }), wishes, stamp);

interface Expansion {
  readonly total: number;
  readonly offset: number;
  readonly contains?: readonly { readonly code: string; readonly display?: string }[];
  readonly parameter?: readonly JsonObject[];
}

export async function expansionOf(compose: JsonObject, wishes: ExpansionWishes = {}): Promise<Expansion> {
  const { expansion } = await expand({ compose }, wishes);
  return expansion as unknown as Expansion;
}

export const codesOf = async (compose: JsonObject, wishes: ExpansionWishes = {}): Promise<string[]> =>
  ((await expansionOf(compose, wishes)).contains ?? []).map(({ code }) => code);

export async function refusalOf(compose: JsonObject, wishes: ExpansionWishes = {}): Promise<string> {
  try {
    await expansionOf(compose, wishes);
  } catch (error) {
    if (error instanceof OutcomeError) return `${error.category} ${error.issues[0]?.code}: ${error.message}`;
    throw error;
  }
  return 'not refused';
}

export const everyAnimal = ['mammal', 'dog', 'poodle', 'whale', 'dodo', 'platypus'];
