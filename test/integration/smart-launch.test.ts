/** Apps that are launched for a patient (https://hl7.org/fhir/smart-app-launch/app-launch.html#launch-app-ehr-launch). */
import { compiledSql, connectOnce } from '#postgres';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { aPkce, IdentityClient, jsonOf, type LoginJson, type Person, type Tokens } from './identity.fixture.js';

type LaunchTokens = Tokens & { readonly encounter?: string };

let plane: TestPlane;
let project: TestProject;
let identity: IdentityClient;
let clinician: Person;
const ids: Record<'own' | 'foreign' | 'encounter' | 'ownObservation' | 'otherObservation' | 'policy', string> = {
  own: '',
  foreign: '',
  encounter: '',
  ownObservation: '',
  otherObservation: '',
  policy: '',
};

beforeAll(async () => {
  plane = await aDataPlane();
  project = await plane.createProject('launches');
  identity = new IdentityClient(plane, project);
  const patient = async (...name: string[]) =>
    (await identity.create({ resourceType: 'Patient', active: true, name: [{ family: 'Quay', given: name }] })).id;
  const observation = async (of: string) =>
    (
      await identity.create({
        resourceType: 'Observation',
        status: 'final',
        code: { text: 'x' },
        subject: { reference: `Patient/${of}` },
      })
    ).id;
  ids.own = await patient('Launched');
  const another = await patient('Another');
  ids.foreign = (await identity.create({ resourceType: 'Patient', active: false })).id;
  ids.encounter = (
    await identity.create({
      resourceType: 'Encounter',
      status: 'in-progress',
      class: { code: 'AMB' },
      subject: { reference: `Patient/${ids.own}` },
    })
  ).id;
  [ids.ownObservation, ids.otherObservation] = [await observation(ids.own), await observation(another)];
  ids.policy = (
    await identity.create({
      resourceType: 'AccessPolicy',
      resource: [
        { resourceType: 'Patient', criteria: 'Patient?active=true', readonly: true },
        { resourceType: 'Observation', readonly: true },
        { resourceType: 'Encounter', readonly: true },
      ],
    })
  ).id;
  clinician = await identity.invite({
    membership: { access: [{ policy: { reference: `AccessPolicy/${ids.policy}` } }] },
  });
}, 60_000);

afterAll(() => plane?.close());

const launch = async (patient?: string, encounter?: string): Promise<string> =>
  (
    await identity.create({
      resourceType: 'SmartAppLaunch',
      ...(patient === undefined ? {} : { patient: { reference: `Patient/${patient}` } }),
      ...(encounter === undefined ? {} : { encounter: { reference: `Encounter/${encounter}` } }),
    })
  ).id;

const tokensFor = async (more: object): Promise<LaunchTokens> => identity.tokens(clinician, more);

const observationsOf = async ({ access_token: token }: Tokens): Promise<string[]> => {
  const answer = await identity.get('fhir/R4/Observation', token);
  return (answer.json.entry ?? []).map(({ resource }) => resource.id);
};

describe('a log-in for a launch', () => {
  test('brings the patient and the encounter with its tokens, also with refreshed ones', async () => {
    const scope = 'openid launch offline_access';
    const tokens = await tokensFor({ launch: await launch(ids.own, ids.encounter), scope });
    expect(tokens).toMatchObject({ patient: ids.own, encounter: ids.encounter, scope });
    const refreshed = jsonOf<LaunchTokens>(await identity.refresh(tokens.refresh_token));
    expect(refreshed).toMatchObject({ patient: ids.own, encounter: ids.encounter, scope });
  });

  test('limits the scopes of a patient to the chart of the one that is meant, within the policy', async () => {
    const tokens = await tokensFor({ launch: await launch(ids.own), scope: 'openid launch patient/*.cruds' });
    expect(await observationsOf(tokens)).toEqual([ids.ownObservation]);
    expect((await identity.get(`fhir/R4/Observation/${ids.otherObservation}`, tokens.access_token)).status).toBe(403);
    const observation = { resourceType: 'Observation', status: 'final', code: { text: 'x' } };
    const written = await identity.post(
      'fhir/R4/Observation',
      { ...observation, subject: { reference: `Patient/${ids.own}` } },
      { authorization: `Bearer ${tokens.access_token}` },
    );
    expect(written.status).toBe(403);
  });

  test('says nothing of the launch to an app that does not ask', async () => {
    const tokens = await tokensFor({ launch: await launch(ids.own, ids.encounter), scope: 'openid patient/*.rs' });
    expect([tokens.patient, tokens.encounter]).toEqual([undefined, undefined]);
    expect(await observationsOf(tokens)).toEqual([]);
    const some = await tokensFor({ launch: await launch(ids.own, ids.encounter), scope: 'launch/patient' });
    expect([some.patient, some.encounter]).toEqual([ids.own, undefined]);
  });

  test('without a launch does not grant what would tell of one', async () => {
    const tokens = await tokensFor({ scope: 'openid launch launch/patient' });
    expect([tokens.scope, tokens.patient]).toEqual(['openid', undefined]);
  });

  test('is refused to somebody who may not see the patient', async () => {
    const answer = await identity.login(clinician, aPkce(), { launch: await launch(ids.foreign), scope: 'launch' });
    expect([answer.status, answer.json.issue[0]?.expression]).toEqual([400, ['launch']]);
    expect(answer.text).not.toContain(ids.foreign);
    const gone = await identity.login(clinician, aPkce(), { launch: await launch('nobody'), scope: 'launch' });
    expect(gone.status).toBe(400);
  });

  test('is refused for what is no launch, or one that is over', async () => {
    const old = await launch(ids.own);
    const owner = await connectOnce(project.tenantUrl);
    const text = `UPDATE resource SET last_updated = last_updated - interval '61 min' WHERE fhir_id = $1`;
    await owner.query(compiledSql({ text, values: [old] }));
    await owner.close();
    for (const id of ['nonsense', ids.own, '../Patient', old]) {
      const answer = await identity.login(clinician, aPkce(), { launch: id, scope: 'launch' });
      expect([id, answer.status, answer.json.issue[0]?.expression]).toEqual([id, 400, ['launch']]);
    }
  });

  test('may be narrowed to one that is told nothing', async () => {
    const colleague = await identity.invite({
      membership: { access: [{ policy: { reference: `AccessPolicy/${ids.policy}` } }] },
    });
    await identity.invite({ email: colleague.email, forceNewMembership: true });
    const pkce = aPkce();
    const begun = await identity.login(colleague, pkce, { launch: await launch(ids.own), scope: 'openid launch' });
    const { login, memberships } = jsonOf<LoginJson>(begun);
    jsonOf(await identity.post('auth/scope', { login, scope: 'openid' }));
    const { code } = jsonOf<LoginJson>(await identity.post('auth/profile', { login, profile: memberships?.[0]?.id }));
    const tokens = jsonOf<LaunchTokens>(await identity.exchange(code, pkce));
    expect([tokens.scope, tokens.patient]).toEqual(['openid', undefined]);
  });
});

describe('a SmartAppLaunch', () => {
  test('is made by administrators, and by members whose policy names the type', async () => {
    const { access_token: token } = await tokensFor({});
    const made = await identity.post(
      'fhir/R4/SmartAppLaunch',
      { resourceType: 'SmartAppLaunch' },
      { authorization: `Bearer ${token}` },
    );
    expect(made.status).toBe(403);
    const wrong = { resourceType: 'SmartAppLaunch', patient: { reference: 'Patient/1' }, user: 'x' };
    expect((await plane.fhir(project, 'SmartAppLaunch', { method: 'POST', body: JSON.stringify(wrong) })).status).toBe(
      400,
    );
  });
});

test('what is declared of launches is what works', async () => {
  const { json } = await identity.get('.well-known/smart-configuration');
  const { capabilities, scopes_supported: scopes } = json as unknown as Record<string, string[]>;
  expect(capabilities).toEqual(
    expect.arrayContaining([
      'launch-ehr',
      'context-ehr-patient',
      'context-ehr-encounter',
      'context-standalone-patient',
    ]),
  );
  expect(capabilities).not.toEqual(expect.arrayContaining(['context-standalone-encounter']));
  expect(scopes).toContain('launch');
});
