import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { IdentityClient, jsonOf, type Person } from './identity.fixture.js';

let plane: TestPlane;
let north: TestProject;
let app: IdentityClient;

beforeAll(async () => {
  plane = await aDataPlane();
  north = await plane.createProject('north');
  app = new IdentityClient(plane, north);
});

afterAll(() => plane?.close());

const EVERYTHING = 'openid fhirUser profile email phone address';

const memberWith = async (...resource: object[]): Promise<Person> => {
  const { id } = await app.create({ resourceType: 'AccessPolicy', resource });
  return app.invite({ membership: { accessPolicy: { reference: `AccessPolicy/${id}` } } });
};

const claimsOf = async (person: Person, scope = EVERYTHING): Promise<unknown> => {
  const { access_token: token } = await app.tokens(person, { scope });
  return jsonOf(await app.get('oauth2/userinfo', token));
};

const identity = ({ profile }: Person) => ({ sub: profile.split('/')[1], fhirUser: profile, profile });
const named = { name: 'Ana Quay', family_name: 'Quay', given_name: 'Ana' };

test('userinfo tells what the policy lets the person read of their profile', async () => {
  const person = await memberWith({ resourceType: 'Practitioner' });
  expect(await claimsOf(person)).toEqual({ ...identity(person), ...named, email: person.email });
});

test('userinfo tells nothing of fields that the policy hides', async () => {
  const person = await memberWith({ resourceType: 'Practitioner', hiddenFields: ['telecom', 'name.given'] });
  expect(await claimsOf(person)).toEqual({ ...identity(person), name: 'Quay', family_name: 'Quay' });
});

test.each([
  ['speaks of other types only', { resourceType: 'Patient' }],
  ['speaks of other people only', { resourceType: 'Practitioner', criteria: 'Practitioner?active=true' }],
])('userinfo tells who somebody is and no more where the policy %s', async (_, rule) => {
  const person = await memberWith(rule);
  expect(await claimsOf(person)).toEqual(identity(person));
});

test('what an app may do with the FHIR API takes nothing from what it may know about the person', async () => {
  const person = await app.invite();
  const claims = await claimsOf(person, 'openid profile email user/Patient.rs');
  expect(claims).toEqual({ sub: identity(person).sub, profile: person.profile, ...named, email: person.email });
});

test('userinfo is told to nobody whose log-in has ended', async () => {
  const { access_token: token } = await app.tokens(await app.invite(), { scope: EVERYTHING });
  expect((await app.get('oauth2/userinfo', token)).status).toBe(200);
  await app.post('oauth2/logout', {}, { authorization: `Bearer ${token}` });
  expect((await app.get('oauth2/userinfo', token)).status).toBe(401);
});
