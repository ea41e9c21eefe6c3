/** Whatever stands in a StructureDefinition, reading it and holding a resource to it ends, and throws nothing. */
import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../json/json-value.js';
import { readCodeSystem } from '../terminology/code-system.js';
import { readValueSet } from '../terminology/value-set.js';
import { codeBinding } from './profile-bindings.js';
import { compiled, definition, observation, patient, r4, wrong } from './profile.fixture.js';

const paths = [
  '',
  '.name',
  '.name.given',
  '.name.family',
  '.contact.name',
  '.extension',
  '.birthDate.extension',
  '.deceased[x]',
  '.contained',
  '.link.other',
];
const words = [
  'Patient',
  'HumanName',
  'string',
  'required',
  'error',
  'value',
  'url',
  '$this',
  '*',
  'closed',
  'http://profiles.example/p',
  '__proto__',
  'exists()',
  "name.where(family = 'x')",
];

const json: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(...words, null, true, 0, 1, -1, 1e9),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        'code',
        'profile',
        'type',
        'path',
        'discriminator',
        'rules',
        'strength',
        'valueSet',
        'key',
        'severity',
        'expression',
      ),
      tie('value'),
      { maxKeys: 4 },
    ),
  ),
})).value;

const members = [
  'min',
  'max',
  'type',
  'sliceName',
  'slicing',
  'fixedString',
  'patternHumanName',
  'maxLength',
  'binding',
  'constraint',
  'contentReference',
];

const element: fc.Arbitrary<JsonObject> = fc
  .tuple(fc.constantFrom(...paths), fc.dictionary(fc.constantFrom(...members), json, { maxKeys: 5 }))
  .map(([path, more]) => ({ ...more, path: `Patient${path}` }));

/** Elements that make sense for themselves, so that the walk gets further than the first wrong member. */
const sound: fc.Arbitrary<JsonObject> = fc.constantFrom<JsonObject[]>(
  { path: 'Patient.name', slicing: { discriminator: [{ type: 'value', path: 'family' }], rules: 'closed' } },
  {
    path: 'Patient.name',
    sliceName: 'a',
    min: 1,
    type: [{ code: 'HumanName', profile: ['http://profiles.example/p'] }],
  },
  { path: 'Patient.name.family', fixedString: 'Winter' },
  { path: 'Patient.contact.name', type: [{ code: 'HumanName', profile: ['http://profiles.example/p'] }] },
  { path: 'Patient.contained', type: [{ code: 'Patient', profile: ['http://profiles.example/p'] }] },
  { path: 'Patient', constraint: [{ key: 'x', severity: 'error', human: 'x', expression: 'contained.exists()' }] },
);

const resource: JsonObject = {
  resourceType: 'Patient',
  contained: [{ resourceType: 'Patient', id: 'a', name: [{ family: 'x' }] }],
  name: [{ family: 'Winter', given: ['a', null], _given: [null, { id: 'x' }] }, { text: 'x' }],
  _birthDate: { extension: [{ url: 'u', valueCode: 'x' }] },
  deceasedBoolean: false,
  contact: [{ name: { family: 'y' } }],
  link: [{ other: { reference: 'Patient/1' }, type: 'seealso' }],
};

it('is an answer for every definition', () => {
  let applied = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(element, sound), { maxLength: 12 }), fc.boolean(), (elements, isDifferential) => {
      const view = { element: elements };
      const more = isDifferential
        ? { snapshot: {}, differential: view, baseDefinition: 'http://profiles.example/p' }
        : { snapshot: view };
      const profile = r4.profiles.compile(definition('p', 'Patient', [], more));
      if (!('root' in profile)) return;
      applied++;
      const verdict = r4.profiles.check({ resource, profiles: [profile], find: () => profile, tellsContent: true });
      if ('issues' in verdict) expect(verdict.issues.length).toBeLessThanOrEqual(20);
    }),
    { numRuns: process.env.BOXYARD_DEEP === '1' ? 20_000 : 1_000, seed: 1 },
  );
  expect(applied).toBeGreaterThan(500);
}, 600_000);

describe('what is kept of a profile', () => {
  it('is not the codes of a value set for each element that is bound to it', () => {
    const concept = Array.from({ length: 100 }, (_, n) => ({ code: `c${n}` }));
    const system = readCodeSystem({ url: 'http://codes.example', content: 'complete', concept });
    const include = [{ system: 'http://codes.example' }];
    let reads = 0;
    const known = {
      bindings: { valueSets: {} },
      terminology: {
        valueSet: (canonical: string) =>
          canonical.endsWith('/all') ? readValueSet({ compose: { include } }) : undefined,
        codeSystem: () => ((reads += 1), system),
      },
    };
    const bound = (valueSet: string) => codeBinding(known, { binding: { strength: 'required', valueSet } });
    const bindings = Array.from({ length: 1_000 }, () => bound('http://sets.example/all'));
    expect(bindings.map((binding) => binding?.isMet('c99'))).not.toContain(false);
    expect(bindings.map((binding) => binding?.isMet('other'))).not.toContain(true);
    expect(bound('http://sets.example/unknown')?.isMet('other')).toBe(true);
    expect(reads).toBe(1);
  });

  it('counts for what it takes: expressions and slices more than elements', () => {
    const weight = (...element: JsonObject[]) => compiled(definition('p', 'Patient', element)).weight;
    const constrained = (length: number): JsonObject => ({
      path: 'Patient',
      constraint: [{ key: 'x', severity: 'error', human: 'x', expression: `active = ${'true'.padStart(length)}` }],
    });
    const plain = weight({ path: 'Patient.name', min: 1 });
    expect(plain).toBeGreaterThan(1_000);
    expect(weight({ path: 'Patient.name' })).toBe(0);
    expect(weight(constrained(2_000))).toBeGreaterThan(100 * plain);
    // What a snapshot repeats of the type takes nothing.
    const inherited = { key: 'ele-1', severity: 'error', human: 'x', expression: 'x'.repeat(4_000) };
    expect(weight({ path: 'Patient.name', min: 1, constraint: [inherited] })).toBe(plain);
  });

  it('is no test for each of countless discriminators', () => {
    const sliced = (count: number) =>
      compiled(
        definition('p', 'Patient', [
          {
            path: 'Patient.name',
            slicing: { discriminator: Array.from({ length: count }, () => ({ type: 'value', path: 'use' })) },
          },
          { path: 'Patient.name', sliceName: 'a', min: 1 },
          { path: 'Patient.name.use', fixedCode: 'usual' },
        ]),
      );
    expect(sliced(10).notes).toEqual([]);
    expect(sliced(11).notes).toEqual([
      'Patient.name: its slices are not checked: they have more than 10 discriminators.',
    ]);
  });
});

describe('what is said of a profile', () => {
  const long = 'x'.repeat(100_000);

  it('is short, however long its words are', () => {
    const constraint = [{ key: long, severity: 'error', human: long, expression: 'false' }];
    const texts = [
      ...wrong(patient(), { path: 'Patient', constraint }),
      ...wrong(
        observation(),
        {
          path: 'Observation.component',
          slicing: { discriminator: [{ type: 'exists', path: 'code' }], rules: 'open' },
        },
        { path: 'Observation.component', sliceName: long, min: 1 },
        { path: 'Observation.component.code', min: 1 },
      ),
    ];
    expect(texts).toHaveLength(2);
    expect(texts.filter((text) => text.length > 500)).toEqual([]);
  });

  it('is little, however much of it cannot be checked', () => {
    const elements = Array.from({ length: 200 }, (_, n) => ({
      path: 'Patient.name',
      sliceName: `a/${n}${long.slice(0, 4_000)}`,
    }));
    const { notes } = compiled(definition('p', 'Patient', [{ path: `Patient.${long}` }, ...elements]));
    expect(notes).toHaveLength(50);
    expect(notes.filter((note) => note.length > 500)).toEqual([]);
  });
});
