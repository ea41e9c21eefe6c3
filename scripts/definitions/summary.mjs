import { jsonNames, membersByPath } from './elements.mjs';

/**
 * By resource type, the JSON names of the elements that stand in its summary
 * (https://hl7.org/fhir/R4/search.html#summary): those that the definition marks with `isSummary`.
 */
export function summaryElements(types) {
  const resources = types.filter(({ kind, abstract }) => kind === 'resource' && !abstract);
  return Object.fromEntries(
    resources
      .map((type) => {
        const members = membersByPath(type).get(type.type) ?? [];
        return [type.type, members.filter(({ isSummary }) => isSummary === true).flatMap(jsonNames)];
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
