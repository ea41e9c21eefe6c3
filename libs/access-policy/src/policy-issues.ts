import { isJsonObject, isTooLargeExpression, type Issue, type JsonObject, type JsonValue } from '#fhir';
import { namesAddresses } from './ip-access.js';

/**
 * What is wrong with an AccessPolicy that is about to be saved, in a project that is strict about it: what looks like a
 * limit and can be none. That are criteria that do not begin with the rule's own type and a question mark, and rules about
 * addresses that name no address. Parameters that the server does not know are no error: such a rule grants nothing, and
 * may mean something elsewhere.
 */
export function policyIssues({ resource, ipAccessRule }: JsonObject): Issue[] {
  return [...criteriaIssues(resource), ...addressIssues(ipAccessRule)];
}

function criteriaIssues(rules: JsonValue | undefined): Issue[] {
  return elementsOf(rules).flatMap(({ resourceType, criteria }, position) => {
    if (criteria === undefined || typeof resourceType !== 'string') return [];
    if (typeof criteria === 'string' && criteria.startsWith(`${resourceType}?`)) return [];
    const text = `The criteria of a rule for ${resourceType} must begin with '${resourceType}?'.`;
    return [invalid(text, `AccessPolicy.resource[${position}].criteria`)];
  });
}

function addressIssues(rules: JsonValue | undefined): Issue[] {
  return elementsOf(rules).flatMap(({ value }, position) => {
    if (typeof value === 'string' && namesAddresses(value)) return [];
    const text = "The value must be '*', an address, a network such as 10.1.0.0/16, or the first groups of an address.";
    return [invalid(text, `AccessPolicy.ipAccessRule[${position}].value`)];
  });
}

const invalid = (text: string, path: string): Issue => ({
  severity: 'error',
  code: 'invalid',
  text,
  expression: [path],
});

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
      typeof expression === 'string' && isTooLargeExpression(expression)
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
