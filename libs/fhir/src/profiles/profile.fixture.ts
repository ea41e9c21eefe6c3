/** Small profiles for specs. */
import type { JsonObject } from '../json/json-value.js';
import { fhirVersion } from '../versions/registry.js';
import type { Profile } from './profile.js';

export const r4 = fhirVersion('R4');

/** A StructureDefinition of `type` with these elements in its snapshot; `url` ends with `name`. */
export function definition(name: string, type: string, element: JsonObject[], more: JsonObject = {}): JsonObject {
  return {
    resourceType: 'StructureDefinition',
    url: urlOf(name),
    name,
    status: 'active',
    kind: 'resource',
    abstract: false,
    type,
    derivation: 'constraint',
    baseDefinition: `http://hl7.org/fhir/StructureDefinition/${type}`,
    snapshot: { element: [{ path: type, min: 0, max: '*' }, ...element] },
    ...more,
  };
}

export const urlOf = (name: string): string => `http://profiles.example/${name}`;

/** On a machine with much else to do the time for reading a definition may pass without any fault of it. */
const tries = 10;

/** The profile of a definition. Throws for what is none. */
export function compiled(from: JsonObject, version = r4): Profile {
  for (let left = tries - 1; ; left--) {
    const profile = version.profiles.compile(from);
    if ('root' in profile) return profile;
    if (!('ranOut' in profile) || left === 0) throw new Error(JSON.stringify(profile));
  }
}

/** What is wrong with a resource by the first of these profiles, the others being at hand: `path text`, without the url. */
export function wrongs(definitions: JsonObject[], resource: JsonObject, tellsContent = true, version = r4): string[] {
  const profiles = definitions.map((one) => compiled(one, version));
  const verdict = version.profiles.check({
    resource,
    profiles: profiles.slice(0, 1),
    find: (canonical) => profiles.find(({ url }) => url === canonical.split('|')[0]),
    tellsContent,
  });
  if ('ranOut' in verdict) throw new Error(`It took too long: ${verdict.ranOut}`);
  return verdict.issues.map(({ text }) => text.replace(/ \(profile [^)]*\)$/, ''));
}

/** The same by one profile of the resource's type with these elements. */
export const wrong = (resource: JsonObject, ...element: JsonObject[]): string[] =>
  wrongs([definition('p', resource.resourceType as string, element)], resource);

export const patient = (more: JsonObject = {}): JsonObject => ({ resourceType: 'Patient', ...more });

export const observation = (more: JsonObject = {}): JsonObject => ({
  resourceType: 'Observation',
  status: 'final',
  code: { coding: [{ system: 'http://codes.example', code: 'a' }] },
  ...more,
});
