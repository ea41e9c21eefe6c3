import type { JsonObject } from '../json/json-value.js';
import { fhirVersion, supportedFhirVersions } from '../versions/registry.js';

const reference = (text: string) => ({ reference: text });
const membership: JsonObject = {
  resourceType: 'ProjectMembership',
  project: reference('Project/1'),
  user: reference('User/1'),
  profile: reference('Practitioner/1'),
};

describe.each(supportedFhirVersions())("the platform's types in FHIR $label", ({ id }) => {
  const version = fhirVersion(id);

  it.each<JsonObject>([
    {
      ...membership,
      admin: true,
      active: false,
      userName: 'ana',
      externalId: 'x',
      accessPolicy: reference('AccessPolicy/1'),
    },
    { ...membership, access: [], identifier: [{ value: '1' }], meta: { project: 'p', author: reference('User/1') } },
    {
      ...membership,
      access: [
        {
          policy: reference('AccessPolicy/1'),
          parameter: [
            { name: 'organization', valueReference: reference('Organization/1') },
            { name: 'unit', valueString: 'a' },
          ],
        },
      ],
    },
    {
      resourceType: 'AccessPolicy',
      name: 'Patients only',
      compartment: reference('%organization'),
      resource: [
        {
          resourceType: 'Patient',
          criteria: 'Patient?organization=%organization',
          readonly: true,
          hiddenFields: ['name'],
        },
        {
          resourceType: '*',
          interaction: ['read', 'search'],
          writeConstraint: [{ language: 'text/fhirpath', expression: 'active' }],
        },
      ],
      ipAccessRule: [{ value: '10.', action: 'allow' }],
    },
    {
      resourceType: 'UserConfiguration',
      menu: [{ title: 'M', link: [{ name: 'P', target: '/Patient' }] }],
      option: [
        { id: 'activeTenant', valueReference: reference('Organization/1') },
        { id: 'dark', valueBoolean: true },
      ],
    },
    {
      resourceType: 'User',
      firstName: 'Ana',
      lastName: 'Quay',
      email: 'ana@example.org',
      project: reference('Project/1'),
    },
    {
      resourceType: 'ClientApplication',
      name: 'App',
      status: 'active',
      redirectUris: ['https://a.example/back'],
      accessTokenLifetime: '1h',
      defaultScope: ['openid'],
    },
    {
      resourceType: 'Bot',
      name: 'B',
      cronString: '* * * * *',
      sourceCode: { contentType: 'text/typescript', url: 'Binary/1' },
    },
    {
      resourceType: 'Project',
      name: 'P',
      strictMode: true,
      features: ['bots'],
      setting: [{ name: 'a', valueBoolean: false }],
      link: [{ project: reference('Project/2') }],
      defaultProfile: [{ resourceType: 'Patient', profile: ['https://a.example/p'] }],
    },
    {
      resourceType: 'Login',
      user: reference('User/1'),
      authMethod: 'password',
      authTime: '2026-01-01T00:00:00Z',
      scope: 'openid',
    },
  ])('accept $resourceType, case %#', (resource) => {
    expect(version.validate(resource)).toEqual([]);
  });

  it.each<[JsonObject, string, string]>([
    [{ resourceType: 'ProjectMembership' }, 'ProjectMembership.project', 'required'],
    [{ ...membership, access: [{ parameter: [] }] }, 'ProjectMembership.access[0].policy', 'required'],
    [{ ...membership, access: [{ policy: {} }] }, 'ProjectMembership.access[0].policy', 'invariant'],
    [
      { ...membership, access: [{ policy: reference('AccessPolicy/1'), parameter: [{ name: 'x' }] }] },
      'ProjectMembership.access[0].parameter[0].value',
      'required',
    ],
    [
      { resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient', interaction: ['delete', 'all'] }] },
      'AccessPolicy.resource[0].interaction[1]',
      'value',
    ],
    [
      { resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient', interaction: [] }] },
      'AccessPolicy.resource[0].interaction',
      'structure',
    ],
    [
      { resourceType: 'ClientApplication', accessTokenLifetime: '1 hour' },
      'ClientApplication.accessTokenLifetime',
      'value',
    ],
    [{ resourceType: 'ClientApplication', secret: 's' }, 'ClientApplication.secret', 'structure'],
    [{ resourceType: 'User', firstName: 'A', lastName: 'B', passwordHash: 'h' }, 'User.passwordHash', 'structure'],
    [{ resourceType: 'Bot', cronString: 'a', cronTiming: { code: { text: 'b' } } }, 'Bot.cron', 'structure'],
    [{ resourceType: 'JsonWebKey', key: 'k' }, 'JsonWebKey.key', 'structure'],
  ])('refuse %j', (resource, expression, code) => {
    expect(version.validate(resource)).toContainEqual(expect.objectContaining({ expression: [expression], code }));
  });

  it.each([
    [
      'ProjectMembership',
      ['project', 'user', 'profile', 'profile-type', 'access-policy', 'external-id', 'user-name', 'identifier'],
    ],
    ['User', ['email', 'name', 'identifier', 'external-id']],
    ['ClientApplication', ['name', 'status', 'identifier']],
    ['AccessPolicy', ['name', 'compartment']],
    ['Bot', ['name', 'category', 'identifier']],
    ['Login', ['user', 'membership', 'client', 'project', 'auth-time']],
    ['Project', ['name', 'owner', 'identifier']],
    ['UserConfiguration', ['name']],
  ])('have search parameters: %s', (type, codes) => {
    expect([...version.searchParameters(type).keys()]).toEqual(expect.arrayContaining(codes));
  });
});
