import { readResource } from '../json/read-resource.js';
import { fhirVersion, supportedFhirVersions } from '../versions/registry.js';
import type { DefinitionType } from './definition-archive.js';

const types: DefinitionType[] = [
  'StructureDefinition',
  'SearchParameter',
  'OperationDefinition',
  'CompartmentDefinition',
];

describe.each(supportedFhirVersions())('the definition resources of FHIR $label', ({ id }) => {
  const version = fhirVersion(id);

  it('describe every resource type, data type and primitive type that there is', () => {
    const described = new Set(version.definitions('StructureDefinition').map(({ name }) => name));
    for (const type of [...version.resourceTypes, 'HumanName', 'Quantity', 'Age', 'Extension', 'string', 'Resource']) {
      expect([...described]).toContain(type);
    }
  });

  it('describe every search parameter that resources have', () => {
    const urls = new Set(version.definitions('SearchParameter').map(({ url }) => url));
    for (const type of version.resourceTypes) {
      for (const { url } of version.searchParameters(type).values()) expect([...urls]).toContain(url);
    }
  });

  it('describe every operation and compartment', () => {
    const urls = version.definitions('OperationDefinition').map(({ url }) => url);
    expect(urls).toEqual(expect.arrayContaining(version.operations().map(({ url }) => url)));
    const compartments = version.definitions('CompartmentDefinition').flatMap(({ keys }) => keys.code ?? []);
    expect(compartments.sort()).toEqual([...version.compartments].sort());
  });

  it('stand in the normal form of stored bodies, each under its own id', () => {
    for (const type of types) {
      const resources = version.definitions(type);
      expect(new Set(resources.map(({ id: resourceId }) => resourceId)).size).toBe(resources.length);
      // Some of each kind: those of the standard stand in blocks, those of the platform at the end of the list.
      for (const resource of [...resources.slice(0, 3), ...resources.slice(-3)]) {
        const text = resource.text();
        const head = `{"resourceType":"${type}","id":"${resource.id}","meta":{"versionId":"0","lastUpdated":"`;
        expect(text.slice(0, head.length)).toBe(head);
        expect(JSON.stringify(JSON.parse(text))).toBe(text);
        expect(readResource(text).value).toMatchObject({ url: resource.url, name: resource.name });
      }
    }
  });

  it('are valid, but that only the platform knows its own types', () => {
    const sample = types.flatMap((type) => version.definitions(type).filter((_, index) => index % 25 === 0));
    const own = types.flatMap((type) => version.definitions(type).filter(({ url }) => url.startsWith('urn:boxyard:')));
    const issues = [...sample, ...own].flatMap((resource) => version.validate(readResource(resource.text()).value));
    const others = issues.filter(({ expression }) => !/^SearchParameter\.(base|target)\[/.test(expression?.[0] ?? ''));
    expect(others).toEqual([]);
  });

  it('are found by the values of their elements', () => {
    const byBase = version.definitions('SearchParameter').filter(({ keys }) => keys.base?.includes('Patient'));
    expect(byBase.map(({ keys }) => keys.code?.[0])).toEqual(expect.arrayContaining(['birthdate', 'name', 'gender']));
    const [patient] = version.definitions('StructureDefinition').filter(({ keys }) => keys.type?.includes('Patient'));
    expect(patient).toMatchObject({
      id: 'Patient',
      name: 'Patient',
      keys: { kind: ['resource'], abstract: ['false'] },
    });
  });

  it("say of the platform's types what the schema says", () => {
    const [membership] = version.definitions('StructureDefinition').filter(({ name }) => name === 'ProjectMembership');
    const { snapshot } = JSON.parse(membership?.text() ?? '{}') as {
      snapshot: { element: Record<string, unknown>[] };
    };
    const element = (path: string) =>
      snapshot.element.find((candidate) => candidate.path === `ProjectMembership${path}`);
    expect(element('')).toMatchObject({ min: 0, max: '*' });
    expect(element('.user')).toMatchObject({ min: 1, max: '1', type: [{ code: 'Reference' }] });
    expect(element('.access')).toMatchObject({ min: 0, max: '*', type: [{ code: 'BackboneElement' }] });
    expect(element('.access.parameter.value[x]')).toMatchObject({
      min: 1,
      type: [{ code: 'string' }, { code: 'Reference' }],
    });
    const [project] = version.definitions('StructureDefinition').filter(({ name }) => name === 'Project');
    expect(project?.text()).toContain('"contentReference":"#Project.setting"');
  });
});
