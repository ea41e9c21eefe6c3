/**
 * The tests that stand for invariants, and HL7's own expressions evaluated by fhirpath, must give the same verdict. The
 * cases are objects out of the official examples, each with one member changed in a way that keeps the right form.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { readDefinitions, versionFolders } from '../../definitions/definition-folders.js';
import { isJsonObject, type JsonObject } from '../../json/json-value.js';
import { fhirVersion } from '../../versions/registry.js';
import { compileInvariant } from './compile-invariant.js';
import { fhirpathJudge } from './fhirpath-judge.js';
import type { InvariantTest, Scope } from './invariant-test.js';
import { knownInvariant } from './known-invariants.js';
import { hasNarrativeContent } from './narrative.js';
import { isUnchecked } from './unchecked-invariants.js';

const runs = process.env.BOXYARD_DEEP === '1' ? 30_000 : 2_500;

/** Where HL7's expression is known to say something else than its text; see known-invariants.ts. */
const knownDifferences: Record<string, (element: JsonObject) => boolean> = {
  'dom-3': () => true,
  'ref-1': ({ reference }) => reference === '#',
  'que-7': () => true,
  'txt-1': ({ div }) => typeof div !== 'string' || !hasNarrativeContent(div),
};

interface Place {
  definition: string;
  element: JsonObject;
}

const changes = ['graft', 'remove', 'repeat', 'empty', 'reword'] as const;
type Change = (typeof changes)[number];

interface Test {
  key: string;
  /** The member whose values the test is about; empty when it is about the object itself. */
  member: string;
  quick: InvariantTest;
  judge: InvariantTest;
}

interface Case {
  resource: JsonObject;
  /** The objects from the resource down to the changed one. */
  path: Place[];
}

/** A StructureDefinition with its first elements only: it has hundreds, which are much alike. */
function shortened(definition: JsonObject): JsonObject {
  for (const part of [definition.snapshot, definition.differential]) {
    if (isJsonObject(part) && Array.isArray(part.element)) part.element = part.element.slice(0, 5);
  }
  return definition;
}

describe.each(versionFolders())('the invariants of FHIR $description.label', ({ folder, description }) => {
  const version = fhirVersion(description.id);
  const structure = (name: string) => version.structure(name);
  const { constraints } = readDefinitions(folder);
  const examples = new URL(`../../../../../test/fixtures/fhir/${description.label}/examples.ndjson`, import.meta.url);
  const read = (text: string) => JSON.parse(text) as JsonObject;
  const resources = [
    ...readFileSync(examples, 'utf8').trim().split('\n').map(read),
    ...version.definitions('OperationDefinition').map((definition) => read(definition.text())),
    ...version
      .definitions('StructureDefinition')
      .filter((_, index) => index % 4 === 0)
      .map((definition) => shortened(read(definition.text()))),
  ];

  /** All paths to objects in `element`, that to itself first. */
  function pathsIn(definition: string, element: JsonObject, above: Place[] = []): Place[][] {
    const path = [...above, { definition, element }];
    const below = (structure(definition) ?? []).flatMap(({ name, type }) => {
      if (structure(type) === undefined || structure(type)?.some((member) => member.name === 'implicitRules'))
        return [];
      const value = element[name];
      return (Array.isArray(value) ? value : [value]).filter(isJsonObject).flatMap((item) => pathsIn(type, item, path));
    });
    return [path, ...below];
  }

  /** The words that expressions compare with. */
  const words = constraints.rules.flatMap(({ expression }) =>
    [...expression.matchAll(/'([^'\\]+)'/g)].map(([, word = '']) => word),
  );

  const donors = new Map<string, JsonObject[]>();
  for (const resource of resources) {
    for (const path of pathsIn(resource.resourceType as string, resource)) {
      const { definition, element } = path.at(-1) as Place;
      donors.set(definition, [...(donors.get(definition) ?? []), element].slice(-200));
    }
  }

  const left = Symbol('left to fhirpath');
  const leave = () => left as unknown as boolean;
  const tests = new Map<string, Test[]>();

  /** The tests about objects of the definition, and about the values of their members. */
  function testsOf(definition: string): Test[] {
    let found = tests.get(definition);
    if (!found) {
      found = Object.entries(constraints.places[definition] ?? {}).flatMap(([member, numbers]) =>
        numbers
          .flatMap((number) => constraints.rules[number] ?? [])
          .filter(({ expression }) => !isUnchecked(expression))
          .map(({ key, expression }) => {
            const base = member === '' ? definition : `${definition}.${member}`;
            const members = (structure(definition) ?? []).filter(({ name, choice }) => (choice ?? name) === member);
            const types = member === '' ? [definition] : members.map(({ type }) => type);
            const quick = knownInvariant(key, leave) ?? compileInvariant(structure, types, expression, leave) ?? leave;
            return { key, member, quick, judge: fhirpathJudge(description.fhirpathModel, base, expression) };
          }),
      );
      tests.set(definition, found);
    }
    return found;
  }

  /** One of the objects that an invariant of its own is about, or the resource where there is none. */
  function choosePath(resource: JsonObject, where: number): Place[] {
    const paths = pathsIn(resource.resourceType as string, resource);
    const guarded = paths.filter((path) =>
      testsOf((path.at(-1) as Place).definition).some(({ key }) => !/^dom-/.test(key)),
    );
    const choice = guarded.length > 0 ? guarded : paths;
    return choice[where % choice.length] ?? [];
  }

  function changed(original: JsonObject, where: number, what: number, from: number, change: Change): Case {
    const resource = structuredClone(original);
    const path = choosePath(resource, where);
    const { definition, element } = path.at(-1) as Place;
    const candidates = donors.get(definition) ?? [];
    const donor = candidates[from % candidates.length] ?? {};
    const names = Object.keys(change === 'graft' ? donor : element).filter((name) => name !== 'resourceType');
    const name = names[what % names.length];
    if (name === undefined) return { resource, path };
    const value = element[name];
    if (change === 'graft') element[name] = structuredClone(donor[name]);
    else if (change === 'remove') delete element[name];
    else if (change === 'repeat' && Array.isArray(value)) value.push(...structuredClone(value));
    else if (change === 'empty' && typeof value === 'string') {
      delete element[name];
      element[`_${name}`] = { extension: [{ url: 'u', valueString: 'v' }] };
    } else if (change === 'reword' && typeof value === 'string') {
      element[name] = words[from % words.length] ?? '';
    }
    return { resource, path };
  }

  it('have tests that agree with fhirpath', () => {
    const broken = new Set<string>();
    const decided = new Set<string>();
    const position = fc.nat({ max: 100_000 });
    fc.assert(
      fc.property(
        fc.constantFrom(...resources),
        position,
        position,
        position,
        fc.constantFrom(...changes),
        (original, where, what, from, change) => {
          const { resource, path } = changed(original, where, what, from, change);
          if (version.validate(resource, 'structure').length > 0) return;
          const scope: Scope = { resource, rootResource: resource };
          for (const { definition, element } of path) {
            for (const { key, member, quick, judge } of testsOf(definition)) {
              for (const value of member === '' ? [element] : [element[member] ?? []].flat()) {
                const verdict: unknown = quick(value, scope);
                if (verdict === left || knownDifferences[key]?.(element)) continue;
                const holds = judge(value, scope) !== false;
                expect({ holds: verdict !== false, key, definition, value }).toEqual({ holds, key, definition, value });
                decided.add(`${definition} ${key}`);
                if (!holds) broken.add(`${definition} ${key}`);
              }
            }
          }
        },
      ),
      { numRuns: runs, seed: 1 },
    );
    expect(decided.size).toBeGreaterThan(250);
    expect(broken.size).toBeGreaterThan(20);
  }, 600_000);

  it.each(['Patient', 'Observation', 'Encounter', 'MedicationRequest', 'Condition'])(
    'do not need fhirpath for the examples of type %s',
    (type) => {
      const needed = resources
        .filter(({ resourceType }) => resourceType === type)
        .flatMap((resource) =>
          pathsIn(type, resource).flatMap((path) => {
            const { definition, element } = path.at(-1) as Place;
            const scope = { resource, rootResource: resource };
            const undecided = testsOf(definition).filter(({ member, quick }) =>
              (member === '' ? [element] : [element[member] ?? []].flat()).some(
                (value) => (quick(value, scope) as unknown) === left,
              ),
            );
            return undecided.map(({ key }) => `${String(resource.id as string)} ${definition} ${key}`);
          }),
        );
      expect(needed).toEqual([]);
    },
  );

  it('are compiled or known for the most part, and never unchecked without a reason', () => {
    const unchecked = constraints.rules.filter(({ expression }) => isUnchecked(expression)).map(({ key }) => key);
    const all = Object.keys(constraints.places).flatMap((definition) =>
      testsOf(definition).map(({ key, quick }) => ({ name: `${definition} ${key}`, quick })),
    );
    const evaluated = all.filter(({ quick }) => quick === leave).map(({ name }) => name);
    expect({ unchecked, evaluated }).toMatchSnapshot();
    for (const definition of Object.keys(constraints.places)) {
      for (const { judge } of testsOf(definition))
        expect(() => judge({}, { resource: {}, rootResource: {} })).not.toThrow();
    }
    expect(all.length - evaluated.length).toBeGreaterThan(600);
  });
});
