/** The fhirpath package as an independent judge of our own ways to evaluate expressions, over all official examples. */
import { readFileSync } from 'node:fs';
import fhirpath from 'fhirpath';
import r4Model from 'fhirpath/fhir-context/r4';
import { readDefinitions } from '../definitions/definition-folders.js';
import type { JsonObject, JsonValue } from '../json/json-value.js';
import { compileExpression } from './compile-expression.js';
import { compileWalk } from './property-walk.js';
import type { TypedValue } from './typed-value.js';

const { schema, codeSystems, searchParameters, resourceTypes } = readDefinitions('R4');
const context = { schema, codeSystems, fhirpathModel: 'r4' };
const branches = searchParameters
  .flatMap(({ byBase = {} }) => Object.entries(byBase))
  .flatMap(([type, expressions]) => expressions.map((expression) => ({ type, expression })));
const isStandard = (type: string) => resourceTypes.includes(type) || type.endsWith('Resource');

const examples = readFileSync(new URL('../../../../test/fixtures/fhir/R4/examples.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as JsonObject);

function evaluate(resource: JsonObject, expression: string): TypedValue[] {
  const found: TypedValue[] = [];
  compileExpression(context, resource.resourceType as string, expression).evaluate(resource, found);
  return found;
}

describe('our evaluation of search expressions', () => {
  it('finds in every official example what the fhirpath package finds', () => {
    let values = 0;
    for (const { type, expression } of branches.filter((branch) => isStandard(branch.type))) {
      const judge = fhirpath.compile(expression, r4Model);
      for (const resource of examples) {
        if (resource.resourceType !== type && !type.endsWith('Resource')) continue;
        const expected = (judge(structuredClone(resource)) as JsonValue[]).flatMap(extensionValue);
        const found = evaluate(resource, expression).map(({ value }) => value);
        expect({ expression, found }).toEqual({ expression, found: expected });
        values += found.length;
      }
    }
    expect(values).toBeGreaterThan(5_000);
  });

  it('is a walk along properties for every expression of R4 and the platform but one', () => {
    const others = branches.filter(({ type, expression }) => {
      const concrete = type.endsWith('Resource') ? 'Patient' : type;
      return !compileWalk(schema, concrete, expression);
    });
    expect(others.map(({ expression }) => expression)).toEqual([
      'Patient.deceased.exists() and Patient.deceased != false',
    ]);
  });

  it.each<[string, JsonObject, TypedValue[]]>([
    [
      "Patient.name.where(use = 'official' or use = 'usual').family",
      {
        resourceType: 'Patient',
        name: [
          { use: 'usual', family: 'Q' },
          { use: 'old', family: 'O' },
        ],
      },
      [{ type: 'string', value: 'Q' }],
    ],
    ['Patient.name.exists()', { resourceType: 'Patient', name: [{ family: 'Q' }] }, [{ type: 'boolean', value: true }]],
    [
      'Patient.name | Patient.contact.name',
      { resourceType: 'Patient', name: [{ family: 'Q' }] },
      [{ type: 'HumanName', value: { family: 'Q' } }],
    ],
    [
      "Patient.birthDate.extension('u').value",
      {
        resourceType: 'Patient',
        birthDate: '2020-01-01',
        _birthDate: { extension: [{ url: 'u', valueDateTime: '2020-01-01T05:00:00Z' }] },
      },
      [{ type: 'dateTime', value: '2020-01-01T05:00:00Z' }],
    ],
    [
      'Bundle.entry.resource.name',
      { resourceType: 'Bundle', entry: [{ resource: { resourceType: 'Patient', name: [{ family: 'Q' }] } }] },
      [{ type: 'HumanName', value: { family: 'Q' } }],
    ],
    [
      'Bundle.entry.where(fullUrl.exists()).resource',
      { resourceType: 'Bundle', entry: [{ fullUrl: 'u', resource: { resourceType: 'Basic', id: 'b' } }] },
      [{ type: 'Basic', value: { resourceType: 'Basic', id: 'b' } }],
    ],
  ])('leaves %s to the fhirpath package and gets typed values back', (expression, resource, expected) => {
    expect(compileWalk(schema, resource.resourceType as string, expression)).toBeUndefined();
    const before = JSON.stringify(resource);
    expect(evaluate(resource, expression)).toEqual(expected);
    expect(JSON.stringify(resource)).toBe(before);
  });
});

/** Where HL7's expression ends at an extension, we index what the extension holds. */
function extensionValue(value: JsonValue): JsonValue[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !('url' in value)) return [value];
  const values = Object.entries(value).filter(([name]) => /^value[A-Z]/.test(name));
  return 'extension' in value || values.length > 0 ? values.map(([, item]) => item ?? null) : [value];
}
