import { jsonNames, membersByPath } from './elements.mjs';

/**
 * By resource type, the JSON names of the elements that may change what the rest of the resource means
 * (https://hl7.org/fhir/R4/conformance-rules.html#isModifier), as `isModifier` says.
 */
export function modifierElements(types) {
  const resources = types.filter(({ kind, abstract }) => kind === 'resource' && !abstract);
  return Object.fromEntries(
    resources
      .map((type) => {
        const members = membersByPath(type).get(type.type) ?? [];
        return [type.type, members.filter(({ isModifier }) => isModifier === true).flatMap(jsonNames)];
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
