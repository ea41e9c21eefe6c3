/**
 * An independent reading of schema.json: ajv with plain implementations of our keywords. Official examples, and the same
 * with random damage, must get the same verdict from it as from our validator, which is stricter in two named points only.
 */
import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import fc from 'fast-check';
import { readDefinitions } from '../definitions/definition-folders.js';
import { presence } from '../definitions/schema-document.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';
import { fhirVersion } from '../versions/registry.js';

const { schema } = readDefinitions('R4');
const r4 = fhirVersion('R4');
const ajv = new Ajv({ strict: false, ownProperties: true });
const compiled = new Map<unknown, ValidateFunction>();

const has = (value: JsonObject, entry: string) => {
  const { name, sibling } = presence(entry);
  return value[name] !== undefined || (sibling !== undefined && value[sibling] !== undefined);
};
ajv.addKeyword({
  keyword: 'req',
  type: 'object',
  validate: (names: string[], value: JsonObject) => names.every((name) => has(value, name)),
});
ajv.addKeyword({
  keyword: 'choice',
  type: 'object',
  validate: (choices: [number, string, ...string[]][], value: JsonObject) =>
    choices.every(([min, , ...names]) => {
      const count = names.filter((name) => has(value, name)).length;
      return count <= 1 && count >= min;
    }),
});
ajv.addKeyword({ keyword: 'text', type: 'string', validate: (_: true, text: string) => /\S/.test(text) });
ajv.addKeyword({
  keyword: 'b64',
  type: 'string',
  validate: (_: true, text: string) =>
    /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text.replace(/\s/g, '')) &&
    text.trim() !== '',
});
ajv.addKeyword({
  keyword: 'resource',
  validate: (_: true | string, value: JsonValue) => isJsonObject(value) && ajvAccepts(value),
});
ajv.addSchema({ $id: 'urn:fhir:schema', definitions: schema });

function ajvAccepts(resource: JsonObject): boolean {
  const { resourceType } = resource;
  if (typeof resourceType !== 'string' || !schema[resourceType]?.properties?.resourceType) return false;
  let validate = compiled.get(resourceType);
  if (!validate) {
    validate = ajv.compile({ $ref: `urn:fhir:schema#/definitions/${resourceType}` });
    compiled.set(resourceType, validate);
  }
  return validate(resource);
}

/** What our validator refuses beyond the schema: days that no month has, and nulls with nothing in their place. */
const stricter = /a real (date|time)|must not be null unless/;

const types = ['Patient', 'Observation', 'Questionnaire', 'MedicationRequest', 'Bundle', 'Timing', 'Parameters'];
const examples = readFileSync(new URL('../../../../test/fixtures/fhir/R4/examples.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as JsonObject)
  .filter(({ resourceType }) => types.some((type) => type === resourceType));

type Place = { holder: JsonObject | JsonValue[]; key: string | number };

function placesIn(value: JsonValue, places: Place[] = []): Place[] {
  if (Array.isArray(value)) {
    value.forEach((item, key) => {
      places.push({ holder: value, key });
      placesIn(item, places);
    });
  } else if (isJsonObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      places.push({ holder: value, key });
      if (member !== undefined) placesIn(member, places);
    }
  }
  return places;
}

const oddValues: JsonValue[] = [
  null,
  '',
  ' ',
  'x',
  ' x',
  'male',
  '2020-01-01',
  '2020-01-01T10:00:00Z',
  'AAAA',
  'AAA',
  0,
  -1,
  1.5,
  true,
  [],
  [null],
  ['x'],
  {},
  [{}],
  { id: 'x' },
  [{ id: 'x' }],
  { resourceType: 'Patient' },
  { resourceType: 'HumanName' },
  { extension: [{ url: 'u', valueString: 'v' }] },
  { coding: [{ code: 'c' }], text: 't' },
];
const oddNames = [
  'x',
  '_status',
  'valueString',
  'valueQuantity',
  'resourceType',
  '__proto__',
  'constructor',
  'id',
  '_value',
];

function damage(resource: JsonObject, where: number, kind: string, value: JsonValue, name: string): JsonObject {
  const copy = structuredClone(resource);
  const places = placesIn(copy).filter(({ key }) => key !== 'resourceType');
  const { holder, key } = places[where % places.length] ?? { holder: copy, key: 'id' };
  if (kind === 'remove' && Array.isArray(holder)) holder.splice(Number(key), 1);
  else if (kind === 'remove') delete (holder as JsonObject)[key];
  else if (kind === 'replace') (holder as JsonObject)[key] = value;
  else if (kind === 'wrap') (holder as JsonObject)[key] = [(holder as JsonObject)[key] ?? null];
  else
    Object.defineProperty(Array.isArray(holder) ? copy : holder, name, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  return copy;
}

describe('our validator and ajv', () => {
  it('agree on official examples with random damage', () => {
    let refused = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...examples),
        fc.nat(),
        fc.constantFrom('remove', 'replace', 'wrap', 'add'),
        fc.constantFrom(...oddValues),
        fc.constantFrom(...oddNames),
        (example, where, kind, value, name) => {
          const resource = damage(example, where, kind, value, name);
          const issues = r4.validate(resource, 'structure');
          const accepted = ajvAccepts(resource);
          if (!accepted) refused++;
          const beyond = issues.filter((issue) => stricter.test(issue.text));
          if (accepted) expect(issues).toEqual(beyond);
          else expect(issues).not.toEqual([]);
        },
      ),
      { numRuns: 3000, seed: 1 },
    );
    expect(refused).toBeGreaterThan(500);
  });
});
