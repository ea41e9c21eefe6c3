import { userinfoClaims } from './userinfo-claims.js';

const profile = {
  resourceType: 'Patient',
  id: 'p',
  name: [{ given: ['Nia', 'B.'], family: 'Harbour' }],
  gender: 'female',
  birthDate: '1990-04-01',
  telecom: [
    { system: 'phone', value: '+49 1' },
    { system: 'email', value: 'nia@example.org' },
  ],
  address: [{ line: ['Quay 1', 'Door 2'], city: 'Port', postalCode: '1234', country: 'NL' }],
};

test.each([
  ['openid', { sub: 'p' }],
  ['', { sub: 'p' }],
  ['openid fhirUser', { sub: 'p', fhirUser: 'Patient/p' }],
  [
    'openid profile',
    {
      sub: 'p',
      profile: 'Patient/p',
      name: 'Nia B. Harbour',
      family_name: 'Harbour',
      given_name: 'Nia B.',
      gender: 'female',
      birthdate: '1990-04-01',
    },
  ],
  ['openid email', { sub: 'p', email: 'nia@example.org' }],
  ['openid phone', { sub: 'p', phone_number: '+49 1' }],
  [
    'openid address',
    { sub: 'p', address: { street_address: 'Quay 1\nDoor 2', locality: 'Port', postal_code: '1234', country: 'NL' } },
  ],
])('the scope %j gives %j', (scope, claims) => {
  expect(userinfoClaims('Patient/p', profile, scope)).toEqual(claims);
});

test('a profile that says nothing gives nothing but its id', () => {
  expect(userinfoClaims('ClientApplication/c', {}, 'openid profile email phone address')).toEqual({
    sub: 'c',
    profile: 'ClientApplication/c',
  });
});
