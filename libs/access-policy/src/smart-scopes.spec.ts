import { fhirVersion } from '#fhir';
import { interactions } from './access-policy.js';
import { effectivePolicy, type EffectivePolicy } from './effective-policy.js';

const version = fhirVersion('R4');
const full = [{ resourceType: '*' }];

function scoped(
  scope: string,
  { rules = full, profile = 'Practitioner/me', launchPatient = '' } = {},
): EffectivePolicy {
  return effectivePolicy({
    version,
    projectId: 'p',
    membership: { id: 'm', profile: { reference: profile }, access: [{ policy: { reference: 'AccessPolicy/1' } }] },
    policies: new Map([['AccessPolicy/1', { id: '1', resource: rules }]]),
    scope,
    ...(launchPatient === '' ? {} : { launchPatient }),
  });
}

const granted = (policy: EffectivePolicy, type: string) =>
  interactions.filter((one) => policy.grants(one, type)).join(' ');
const everything = interactions.join(' ');

describe('scopes', () => {
  it.each([
    '',
    'openid',
    'openid profile email phone address fhirUser launch launch/patient offline offline_access online_access',
  ])('that are not about resources do not limit: %s', (scope) =>
    expect(granted(scoped(scope), 'Patient')).toBe(everything),
  );

  it.each([
    ['user/Patient.read', 'read vread search history'],
    ['user/Patient.write', 'create update delete'],
    ['user/Patient.*', everything],
    ['user/Patient.cruds', everything],
    ['user/Patient.c', 'create'],
    ['user/Patient.r', 'read vread history'],
    ['user/Patient.u', 'update'],
    ['user/Patient.d', 'delete'],
    ['user/Patient.s', 'search'],
    ['system/*.rs', 'read vread search history'],
    ['openid user/Patient.c system/Patient.s', 'create search'],
    ['user/Observation.cruds', ''],
  ])('%s leave of everything on Patient: %s', (scope, left) => {
    expect(granted(scoped(scope), 'Patient')).toBe(left);
  });

  it.each([
    'user/Patient',
    'user/Patient.',
    'user/Patient.sr',
    'user/Patient.rr',
    'user/Patient.reads',
    'user/Patient.READ',
    'USER/Patient.read',
    'user/patient.read',
    'user/.read',
    'user/Patient.read?',
    'user/Patient.read?active',
    'user/Patient.read?active=',
    'user/Patient.read?organization=%profile',
    'user/Patient.read?nonsense=1',
    'user/Patient.read?organization.name=x',
    'patient/',
    'patient/Patient.read',
  ])('that are malformed, or for a patient that there is not, grant nothing: %s', (scope) => {
    expect(granted(scoped(scope), 'Patient')).toBe('');
  });

  it('never widen a rule', () => {
    const rules = [
      { resourceType: 'Patient', criteria: 'Patient?active=true', readonly: true, hiddenFields: ['name'] },
    ];
    const policy = scoped('system/*.cruds system/Patient.cruds', { rules });
    expect(granted(policy, 'Patient')).toBe('read vread search history');
    expect(granted(policy, 'Observation')).toBe('');
    expect(policy.limits('search', 'Patient')).toMatchObject([{ kind: 'token', values: [{ code: 'true' }] }]);
    expect(policy.hiddenFieldsOf('read', 'Patient')).toEqual(['name']);
  });

  it('add their query to the criteria', () => {
    const rules = [{ resourceType: 'Observation', criteria: 'Observation?status=final' }];
    const policy = scoped('user/Observation.rs?category=http://x%7Clab', { rules });
    expect(policy.limits('search', 'Observation')).toMatchObject([
      { kind: 'token', parameter: { code: 'status' } },
      { kind: 'token', parameter: { code: 'category' }, values: [{ system: 'http://x', code: 'lab' }] },
    ]);
  });

  it('keep a rule once for each of them that meets it', () => {
    const policy = scoped(
      'user/Observation.rs?category=a user/Observation.rs?category=b user/Observation.rs?status=final',
    );
    expect(policy.limits('search', 'Observation')).toMatchObject([
      { kind: 'or', criteria: [{ criteria: [{ values: [{ code: 'a' }, { code: 'b' }] }] }, {}] },
    ]);
  });

  it('close a type that none of them names, and leave the definitions that clients need', () => {
    const policy = scoped('user/Patient.rs');
    expect([granted(policy, 'Observation'), granted(policy, 'StructureDefinition')]).toEqual([
      '',
      'read vread search history',
    ]);
  });
});

describe('scopes for a patient', () => {
  const observation = (patient: string) => ({
    type: 'Observation',
    value: { resourceType: 'Observation', meta: { compartment: [{ reference: patient }] } },
  });

  test('are limited to the chart of the profile', () => {
    const policy = scoped('patient/Observation.rs', { profile: 'Patient/me' });
    expect(policy.grantFor('read', observation('Patient/me'))).toBeDefined();
    expect(policy.grantFor('read', observation('Patient/other'))).toBeUndefined();
  });

  test('are limited to the chart of the patient for whom the app was launched', () => {
    const policy = scoped('patient/*.rs', { profile: 'Practitioner/me', launchPatient: 'Patient/launched' });
    expect(policy.grantFor('read', observation('Patient/launched'))).toBeDefined();
    expect(policy.grantFor('read', observation('Patient/other'))).toBeUndefined();
    const another = scoped('patient/*.rs', { profile: 'Patient/me', launchPatient: 'Patient/launched' });
    expect(another.grantFor('read', observation('Patient/me'))).toBeUndefined();
  });

  test('of somebody who is no patient, for a launch that names none, grant nothing', () => {
    for (const launchPatient of ['', 'Practitioner/x', 'Patient/x,Patient/y']) {
      expect(granted(scoped('patient/*.cruds', { launchPatient }), 'Observation')).toBe('');
    }
  });
});
