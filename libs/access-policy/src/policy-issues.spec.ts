import type { JsonObject } from '#fhir';
import { policyIssues, rightsSizeIssues } from './policy-issues.js';

const issuesOf = (...resource: unknown[]) => policyIssues({ resourceType: 'AccessPolicy', resource } as JsonObject);

test.each([
  ['Patient', 'active=true'],
  ['Patient', 'Person?active=true'],
  ['Patient', 'Patient'],
  ['Patient', ' Patient?active=true'],
  ['Patient', '*?active=true'],
  ['*', 'Patient?active=true'],
])('criteria of %s that do not begin with it and a question mark are refused: %s', (resourceType, criteria) => {
  expect(issuesOf({ resourceType: 'Observation' }, { resourceType, criteria })).toEqual([
    {
      severity: 'error',
      code: 'invalid',
      text: `The criteria of a rule for ${resourceType} must begin with '${resourceType}?'.`,
      expression: ['AccessPolicy.resource[1].criteria'],
    },
  ]);
});

test('what the server does not know may be stored: types, parameters, variables', () => {
  expect(
    issuesOf(
      { resourceType: 'CodeSet' },
      { resourceType: 'CodeSet', criteria: 'CodeSet?x=1' },
      { resourceType: 'Practitioner', criteria: 'Practitioner?organization=%current_organization' },
      { resourceType: '*', criteria: '*?_compartment=%organization' },
    ),
  ).toEqual([]);
  expect(policyIssues({ resourceType: 'AccessPolicy' })).toEqual([]);
});

test('a rule about addresses that names none is refused', () => {
  const rules = ['10.1.', '127.0.0.*', '*', 'localhost', '2001:db8::/32', '10.0.0.0/33', ''].map((value) => ({
    value,
  }));
  const issues = policyIssues({ resourceType: 'AccessPolicy', ipAccessRule: [...rules, { action: 'block' }, 'x'] });
  expect(issues.map(({ code, expression }) => [code, expression?.[0]])).toEqual(
    [1, 3, 5, 6, 7, 8].map((position) => ['invalid', `AccessPolicy.ipAccessRule[${position}].value`]),
  );
});

const times = <T>(count: number, make: T): T[] => Array.from({ length: count }, () => make);
const constraint = (expression: string) => ({ language: 'text/fhirpath', expression });
const nested = (depth: number) => `${'('.repeat(depth)}true${')'.repeat(depth)}`;

test.each<[string, unknown]>([
  ['AccessPolicy.resource', { resource: times(501, { resourceType: 'Patient' }) }],
  ['AccessPolicy.resource[0].writeConstraint', { resource: [{ writeConstraint: times(21, constraint('true')) }] }],
  [
    'AccessPolicy.resource[0].writeConstraint[1].expression',
    { resource: [{ writeConstraint: [{}, constraint(nested(51))] }] },
  ],
  [
    'AccessPolicy.resource[1].writeConstraint[0].expression',
    { resource: [{}, { writeConstraint: [constraint('x'.repeat(5_001))] }] },
  ],
  ['ProjectMembership.access', { resourceType: 'ProjectMembership', access: times(201, {}) }],
  [
    'ProjectMembership.access[0].parameter',
    { resourceType: 'ProjectMembership', access: [{ parameter: times(1_001, {}) }] },
  ],
])('rights that would hold up everybody else are refused: %s', (path, resource) => {
  const issues = rightsSizeIssues({ resourceType: 'AccessPolicy', ...(resource as JsonObject) });
  expect(issues).toMatchObject([{ severity: 'error', expression: [path] }]);
});

test('rights of the size that there may be are accepted, and brackets in texts are no brackets', () => {
  const writeConstraint = [...times(19, constraint(nested(50))), constraint(`status = '${'('.repeat(60)}'`)];
  const access = times(200, { parameter: times(1_000, {}) });
  expect(rightsSizeIssues({ resourceType: 'AccessPolicy', resource: times(500, { writeConstraint }) })).toEqual([]);
  expect(rightsSizeIssues({ resourceType: 'ProjectMembership', access })).toEqual([]);
  expect(rightsSizeIssues({ resourceType: 'Basic', access: times(500, {}), resource: times(501, {}) })).toEqual([]);
  expect(rightsSizeIssues({ resourceType: 'AccessPolicy', resource: 'x' })).toEqual([]);
});
