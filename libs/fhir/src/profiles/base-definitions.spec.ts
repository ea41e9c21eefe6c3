/** The definitions of the types themselves, taken for profiles, hold for the official examples of the version. */
import { readFileSync } from 'node:fs';
import type { JsonObject } from '../json/json-value.js';
import { fhirVersion, supportedFhirVersions } from '../versions/registry.js';
import { compiled } from './profile.fixture.js';

const fixtures = new URL('../../../../test/fixtures/fhir/', import.meta.url);
const read = (text: string) => JSON.parse(text) as JsonObject;

describe.each(supportedFhirVersions())('the definitions of FHIR $label', ({ id, label }) => {
  const version = fhirVersion(id);
  const profiles = new Map(
    version.definitions('StructureDefinition').flatMap((definition) => {
      const resource: JsonObject = { ...read(definition.text()), derivation: 'constraint' };
      const isConcrete = resource.abstract !== true && typeof resource.type === 'string';
      return isConcrete && version.structure(resource.type as string)
        ? [[definition.id, compiled(resource, version)] as const]
        : [];
    }),
  );

  it('can all be read as profiles, and nothing of them is left out', () => {
    expect(profiles.size).toBeGreaterThan(180);
    const left = [...profiles.values()].flatMap(({ notes }) => notes);
    expect(left).toEqual([]);
  });

  it('hold for the official examples', () => {
    const lines = readFileSync(new URL(`${label}/examples.ndjson`, fixtures), 'utf8')
      .trim()
      .split('\n');
    const wrong = lines.map(read).flatMap((resource) => {
      const profile = profiles.get(resource.resourceType as string);
      if (profile === undefined || version.validate(resource).length > 0) return [];
      const verdict = version.profiles.check({
        resource,
        profiles: [profile],
        find: () => undefined,
        tellsContent: true,
      });
      return 'issues' in verdict ? verdict.issues.map(({ text }) => text) : [verdict.ranOut];
    });
    expect(wrong).toEqual([]);
  });
});
