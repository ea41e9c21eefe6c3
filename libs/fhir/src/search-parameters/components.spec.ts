import type { JsonObject } from '../json/json-value.js';
import { fhirVersion, supportedFhirVersions } from '../versions/registry.js';

const labels = supportedFhirVersions().map(({ label }) => label);

describe.each(labels)('composite parameters of %s', (label) => {
  const version = fhirVersion(label);
  const all = version.resourceTypes.flatMap((type) =>
    [...version.searchParameters(type).values()].map((parameter) => ({ type, parameter })),
  );

  it('have two or three components each, of types that can be compared', () => {
    const composites = all.filter(({ parameter }) => parameter.type === 'composite');
    expect(composites.length).toBeGreaterThan(60);
    for (const { type, parameter } of composites) {
      const types = parameter.components.map((component) => component.type);
      expect([type, parameter.code, types.length]).toEqual([type, parameter.code, types.length === 3 ? 3 : 2]);
      expect(types).not.toContain('composite');
    }
  });

  it('are the only ones with components', () => {
    expect(all.filter(({ parameter }) => parameter.components.length > 0 && parameter.type !== 'composite')).toEqual(
      [],
    );
  });

  it('find the parts of one node, and no others', () => {
    const parameter = version.searchParameters('Observation').get('component-code-value-quantity');
    const observation: JsonObject = {
      resourceType: 'Observation',
      component: [
        { code: { text: 'a' }, valueQuantity: { value: 1 } },
        { code: { text: 'b' }, valueString: 'x' },
      ],
    };
    const found = parameter
      ?.evaluate(observation)
      .map((node) =>
        parameter.components.map((component) =>
          component.evaluate(node, observation).map(({ type, value }) => [type, value]),
        ),
      );
    expect(found).toEqual([
      [[['CodeableConcept', { text: 'a' }]], [['Quantity', { value: 1 }]]],
      [[['CodeableConcept', { text: 'b' }]], []],
    ]);
  });

  it('compare a document’s relation by target and code, though HL7 exchanges the two expressions', () => {
    const parameter = version.searchParameters('DocumentReference').get('relationship');
    const node = { code: 'replaces', target: { reference: 'DocumentReference/1' } };
    const resource: JsonObject = { resourceType: 'DocumentReference', relatesTo: [node] };
    const [found] = parameter?.evaluate(resource) ?? [];
    expect(parameter?.components.map(({ type }) => type)).toEqual(['reference', 'token']);
    expect(parameter?.components.map((part) => found && part.evaluate(found, resource)[0]?.value)).toEqual([
      node.target,
      node.code,
    ]);
  });

  it('find a date-time although its type is written with a capital', () => {
    const parameter = version.searchParameters('Observation').get('code-value-date');
    const observation: JsonObject = { resourceType: 'Observation', valueDateTime: '2024' };
    const [node] = parameter?.evaluate(observation) ?? [];
    expect(node && parameter?.components[1]?.evaluate(node, observation)).toEqual([
      { type: 'dateTime', value: '2024' },
    ]);
  });

  it('that unite others of their kind stand in the index under the keys of these', () => {
    const parameters = version.searchParameters('Observation');
    const keys = (...codes: string[]) => codes.map((code) => parameters.get(code)?.key);
    const united = (code: string) => [...(parameters.get(code)?.indexKeys ?? [])];
    expect(united('combo-code')).toEqual(expect.arrayContaining(keys('code', 'component-code')));
    expect(united('combo-value-quantity')).toEqual(
      expect.arrayContaining(keys('value-quantity', 'component-value-quantity')),
    );
    expect(united('combo-code-value-quantity')).toHaveLength(2);
    expect(united('code')).toEqual(keys('code'));
    for (const { parameter } of all.filter((one) => one.parameter.type === 'reference')) {
      expect(parameter.indexKeys).toEqual([parameter.key]);
    }
  });

  it('point where the elements they are about can point', () => {
    const targets = (type: string, code: string) =>
      [...(version.searchParameters(type).get(code)?.targets ?? [])].sort();
    expect(targets('Observation', 'patient')).toEqual(['Patient']);
    expect(targets('AllergyIntolerance', 'patient')).toEqual(['Patient']);
    expect(targets('Observation', 'subject')).toEqual(
      expect.arrayContaining(['Device', 'Group', 'Location', 'Patient']),
    );
  });
});

it('a component may start at the resource instead of the node', () => {
  const parameter = fhirVersion('R4').searchParameters('MolecularSequence').get('chromosome-variant-coordinate');
  const chromosome = { coding: [{ code: '1' }] };
  const sequence: JsonObject = {
    resourceType: 'MolecularSequence',
    referenceSeq: { chromosome },
    variant: [{ start: 1, end: 2 }],
  };
  const [node] = parameter?.evaluate(sequence) ?? [];
  expect(parameter?.components.map((part) => node && part.evaluate(node, sequence)[0]?.value)).toEqual([
    chromosome,
    1,
    2,
  ]);
});
