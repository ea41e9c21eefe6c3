import type { JsonObject } from '#fhir';
import { tenantsOf, withAllowedTenant } from './tenants.js';

const organization = (id: string, display?: string): JsonObject => ({
  name: 'organization',
  valueReference: { reference: `Organization/${id}`, ...(display === undefined ? {} : { display }) },
});
const membership: JsonObject = {
  resourceType: 'ProjectMembership',
  access: [
    { policy: { reference: 'AccessPolicy/p' }, parameter: [organization('a'), organization('b', 'Bay')] },
    {
      policy: { reference: 'AccessPolicy/q' },
      parameter: [organization('a', 'Anchor'), { name: 'x', valueString: 'y' }],
    },
    {
      policy: { reference: 'AccessPolicy/r' },
      parameter: [{ name: 'patient', valueReference: { reference: 'Patient/1' } }],
    },
  ],
};

test('the tenants of a membership are the organizations among its parameters, each once, with a name if there is one', () => {
  expect(tenantsOf(membership)).toEqual([
    { reference: 'Organization/a', display: 'Anchor' },
    { reference: 'Organization/b', display: 'Bay' },
  ]);
});

test.each([{}, { access: 'x' }, { access: [null, { parameter: [{ valueReference: 'Organization/a' }] }] }])(
  'a membership like %j has none',
  (odd) => {
    expect(tenantsOf(odd as JsonObject)).toEqual([]);
  },
);

describe('the active tenant of a configuration', () => {
  const configuration = (value: object): JsonObject => ({
    resourceType: 'UserConfiguration',
    option: [
      { id: 'theme', valueString: 'dark' },
      { id: 'activeTenant', ...value },
    ] as JsonObject[],
  });
  const optionsOf = (value: object, of: JsonObject = membership) =>
    (withAllowedTenant(configuration(value), of).option as JsonObject[]).map(({ id }) => id);

  test.each([{ valueReference: { reference: 'Organization/a' } }, { valueString: 'Organization/b' }, { valueId: 'b' }])(
    '%j stays',
    (value) => {
      expect(optionsOf(value)).toEqual(['theme', 'activeTenant']);
    },
  );

  test.each([
    { valueReference: { reference: 'Organization/c' } },
    { valueReference: { reference: 'Patient/a' } },
    { valueString: 'c' },
    { valueBoolean: true },
  ])('%j is left out, because the membership does not allow it', (value) => {
    expect(optionsOf(value)).toEqual(['theme']);
  });

  test('stays for a member whom no policy limits', () => {
    const anything = { valueReference: { reference: 'Organization/c' } };
    expect(optionsOf(anything, { resourceType: 'ProjectMembership' })).toEqual(['theme', 'activeTenant']);
  });
});
