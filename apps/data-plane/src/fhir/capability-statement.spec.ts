import { fhirVersion, supportedFhirVersions, type JsonObject } from '#fhir';
import { capabilityStatement } from './capability-statement.js';

interface Statement {
  rest: {
    operation: { name: string }[];
    resource: {
      type: string;
      searchParam: { name: string; type: string; definition: string }[];
      searchInclude: string[];
      searchRevInclude?: string[];
      operation: { name: string; definition: string }[];
    }[];
  }[];
}

describe.each(supportedFhirVersions())('the statement of FHIR $label', ({ id, label }) => {
  const version = fhirVersion(id);
  const bytesAt = (base: string) => capabilityStatement(version, { fhirBase: `${base}fhir/${label}/`, baseUrl: base });
  const statementAt = (base: string) => JSON.parse(bytesAt(base).toString()) as JsonObject & Statement;
  const statement = statementAt('https://quay.example.org/');
  const ofType = (type: string) => statement.rest[0]?.resource.find((resource) => resource.type === type);

  test('is a valid resource of its version, and not too long to be asked for often', () => {
    expect(version.validate(statement)).toEqual([]);
    expect(bytesAt('https://quay.example.org/').length).toBeLessThan(1024 * 1024);
  });

  test('differs from project to project in addresses only', () => {
    const [one, other] = [statementAt('https://a.example.org/'), statementAt('https://b.example.org/')];
    expect(JSON.stringify(one).replaceAll('//a.', '//b.')).toBe(JSON.stringify(other));
    expect(JSON.stringify(other)).not.toContain('//a.');
  });

  test('names the parameters that the search takes, and none that it refuses', () => {
    const observation = ofType('Observation')?.searchParam.map(({ name }) => name);
    expect(observation).toEqual(expect.arrayContaining(['code', 'subject', 'date', 'value-quantity', '_id']));
    expect(ofType('Location')?.searchParam.map(({ name }) => name)).not.toContain('near');
    expect(ofType('Patient')?.searchInclude).toEqual(expect.arrayContaining(['*', 'Patient:general-practitioner']));
    expect(ofType('Patient')?.searchRevInclude).toContain('Observation:subject');
  });

  test('says of the platform’s own operations what is valid', () => {
    const own = version.definitions('OperationDefinition').filter(({ url }) => url.startsWith('urn:boxyard:'));
    expect(own.flatMap((definition) => version.validate(JSON.parse(definition.text()) as JsonObject))).toEqual([]);
    expect(own).not.toEqual([]);
  });

  test('names operations by definitions that can be read', () => {
    const definitions = new Set(version.definitions('OperationDefinition').map(({ url }) => url));
    for (const { operation } of statement.rest[0]?.resource ?? []) {
      expect(operation.map(({ definition }) => definitions.has(definition))).not.toContain(false);
    }
    const names = (type: string) => ofType(type)?.operation.map(({ name }) => name);
    expect(names('Patient')).toEqual(
      expect.arrayContaining(['validate', 'meta', 'meta-add', 'meta-delete', 'everything']),
    );
    expect(names('Observation')).not.toContain('everything');
    expect(names('StructureDefinition')).toContain('expand-profile');
    expect(names('Observation')).not.toContain('expand-profile');
    expect(statement.rest[0]?.operation.map(({ name }) => name)).toContain('meta');
  });
});
