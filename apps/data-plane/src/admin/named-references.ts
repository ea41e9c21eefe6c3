/** References in the body of an administrative request: what they name must be there, in this project. */
import { invalidResource, isJsonObject, type Issue, type JsonObject, type JsonValue } from '#fhir';
import type { Administration } from '#fhir-store';

/** A reference that a body holds, and where. */
export interface NamedTarget {
  readonly expression: string;
  readonly types: readonly string[];
  readonly reference: string;
}

/** Which policies and which configuration a membership, or a part of one, names. `root` is where it stands in the body. */
export function targetsOfMembership(membership: JsonObject, root: string): NamedTarget[] {
  const at = (path: string) => (root === '' ? path : `${root}.${path}`);
  const access = Array.isArray(membership.access) ? membership.access : [];
  return [
    ...target(membership.accessPolicy, at('accessPolicy'), ['AccessPolicy']),
    ...access.flatMap((entry, position) =>
      target(isJsonObject(entry) ? entry.policy : undefined, at(`access[${position}].policy`), ['AccessPolicy']),
    ),
    ...target(membership.userConfiguration, at('userConfiguration'), ['UserConfiguration']),
  ];
}

/** The target of one Reference; none when there is no reference in it (validation says what is wrong with it). */
export function target(value: JsonValue | undefined, expression: string, types: readonly string[]): NamedTarget[] {
  const reference = referenceOf(value);
  return reference === undefined ? [] : [{ expression, types, reference }];
}

/** The text of a Reference; undefined when it has none. */
export function referenceOf(value: JsonValue | undefined): string | undefined {
  return isJsonObject(value) && typeof value.reference === 'string' ? value.reference : undefined;
}

/** Throws 400, with an issue for each, when targets are not there or not of a type that they must be of. */
export async function assertPresent(administration: Administration, targets: readonly NamedTarget[]): Promise<void> {
  const identities = targets.flatMap(({ reference, types }) => {
    const [type = '', id = '', ...rest] = reference.split('/');
    return types.includes(type) && id !== '' && rest.length === 0 ? [{ type, id }] : [];
  });
  const present = await administration.presentAmong(identities);
  const issues = targets
    .filter(({ reference, types }) => !types.includes(reference.split('/')[0] ?? '') || !present.has(reference))
    .map(({ expression, types }): Issue => ({
      severity: 'error',
      code: 'invalid',
      text: `${expression} must name an existing ${types.join(' or ')} of this project`,
      expression: [expression],
    }));
  if (issues.length > 0) throw invalidResource(issues);
}
