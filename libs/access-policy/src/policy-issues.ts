import { isJsonObject, type Issue, type JsonObject, type JsonValue } from '#fhir';
import { isTooLarge } from './constraints/expression-size.js';

/**
 * What is wrong with an AccessPolicy that is about to be saved, in a project that is strict about it: criteria that do not
 * begin with the rule's own type and a question mark, which look like a limit and can be none. Parameters that the server
 * does not know are no error: such a rule grants nothing, and may mean something elsewhere.
 */
export function policyIssues(accessPolicy: JsonObject): Issue[] {
  const rules = Array.isArray(accessPolicy['resource']) ? accessPolicy['resource'] : [];
  return rules.flatMap((rule, position) => {
    const { resourceType, criteria } = isJsonObject(rule) ? rule : {};
    if (criteria === undefined || typeof resourceType !== 'string') return [];
    if (typeof criteria === 'string' && criteria.startsWith(`${resourceType}?`)) return [];
    return [
      {
        severity: 'error' as const,
        code: 'invalid',
        text: `The criteria of a rule for ${resourceType} must begin with '${resourceType}?'.`,
        expression: [`AccessPolicy.resource[${position}].criteria`],
      },
    ];
  });
}

/** So many rules an AccessPolicy may have, and write constraints each of them; a membership so many entries with values. */
const maxRules = 500;
const maxConstraints = 20;
const maxEntries = 200;
const maxParameters = 1_000;

/**
 * What is too large in an AccessPolicy or a ProjectMembership that is about to be saved, in whatever project: rights are
 * compiled while others wait. Nothing for other types.
 */
export function rightsSizeIssues(resource: JsonObject): Issue[] {
  const { resourceType, resource: rules, access } = resource;
  if (resourceType === 'AccessPolicy') return policySizeIssues(rules);
  return resourceType === 'ProjectMembership' ? membershipSizeIssues(access) : [];
}

function policySizeIssues(rules: JsonValue | undefined): Issue[] {
  const issues = tooMany(rules, maxRules, 'AccessPolicy.resource', 'rules');
  if (issues.length > 0) return issues;
  return elementsOf(rules).flatMap((rule, position) => {
    const path = `AccessPolicy.resource[${position}].writeConstraint`;
    const constraints = rule['writeConstraint'];
    const large = elementsOf(constraints).flatMap(({ expression }, at) =>
      typeof expression === 'string' && isTooLarge(expression)
        ? [tooLarge('The expression is too long, or its brackets are too deep.', `${path}[${at}].expression`)]
        : [],
    );
    return [...tooMany(constraints, maxConstraints, path, 'write constraints'), ...large];
  });
}

function membershipSizeIssues(access: JsonValue | undefined): Issue[] {
  const issues = tooMany(access, maxEntries, 'ProjectMembership.access', 'entries');
  if (issues.length > 0) return issues;
  return elementsOf(access).flatMap(({ parameter }, position) =>
    tooMany(parameter, maxParameters, `ProjectMembership.access[${position}].parameter`, 'values'),
  );
}

const tooMany = (list: JsonValue | undefined, most: number, path: string, what: string): Issue[] =>
  Array.isArray(list) && list.length > most ? [tooLarge(`There may be ${most} ${what} at most.`, path)] : [];

const tooLarge = (text: string, path: string): Issue => ({
  severity: 'error',
  code: 'too-costly',
  text,
  expression: [path],
});

/** The elements of a list by their position; what is no object counts as an empty one. */
const elementsOf = (list: JsonValue | undefined): JsonObject[] =>
  Array.isArray(list) ? list.map((element) => (isJsonObject(element) ? element : {})) : [];
