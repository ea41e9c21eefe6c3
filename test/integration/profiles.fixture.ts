/** StructureDefinitions that a strict project takes. */

export const profileUrl = (name: string): string => `http://profiles.example/${name}`;

/** The claim of a resource. */
export const claiming = (...names: string[]) => ({ meta: { profile: names.map(profileUrl) } });

export interface ProfileElement {
  readonly path: string;
  readonly sliceName?: string;
  readonly [member: string]: unknown;
}

/** A profile of `type`: its elements stand in a snapshot, or with `differential` in a differential alone. */
export function structureDefinition(
  name: string,
  type: string,
  elements: readonly ProfileElement[],
  { differential = false, fhirVersion = '4.0.1', ...more }: Record<string, unknown> = {},
): object {
  const root = elements[0]?.path === type ? [] : [{ path: type }];
  const element = [...root, ...elements].map(({ path, ...members }) => ({
    id: 'sliceName' in members ? `${path}:${String(members.sliceName)}` : path,
    path,
    definition: 'For a test.',
    ...(differential === true ? {} : { min: 0, max: '*', base: { path, min: 0, max: '*' } }),
    ...members,
  }));
  return {
    resourceType: 'StructureDefinition',
    url: profileUrl(name),
    name: name.replaceAll('-', '_'),
    status: 'active',
    fhirVersion,
    kind: type === 'Extension' ? 'complex-type' : 'resource',
    abstract: false,
    ...(type === 'Extension' ? { context: [{ type: 'element', expression: 'Element' }] } : {}),
    type,
    baseDefinition: `http://hl7.org/fhir/StructureDefinition/${type}`,
    derivation: 'constraint',
    [differential === true ? 'differential' : 'snapshot']: { element },
    ...more,
  };
}
