/** What a transaction writes beside a Patient whom it finds by criteria is filed under what that Patient becomes. */
import { Buffer } from 'node:buffer';
import type { ResourceRepository } from '#fhir-store';
import { rules } from './policy-rules.fixture.js';
import { aTenant, baseUrl, parse, text, type TestTenant } from './store.fixture.js';

interface Answer {
  readonly resource: { readonly subject?: unknown; readonly meta: { readonly accounts?: unknown } };
}

let t: TestTenant;
beforeAll(async () => {
  t = await aTenant();
});
afterAll(() => t.close());

/** One of this moment: to move a Patient changes rights. */
const admin = (): Promise<ResourceRepository> =>
  t.repository({ policy: rules([{ resourceType: '*' }], { admin: true }), extended: true });
const accounts = (account: string) => [{ reference: `Organization/${account}` }];
const aPatientOf = (account: string, value: string, more: object = {}) => ({
  resourceType: 'Patient',
  meta: { accounts: accounts(account) },
  identifier: [{ value }],
  ...more,
});
const observationOf = (reference: string) => ({
  request: { method: 'POST', url: 'Observation' },
  resource: { resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject: { reference } },
});
/** The Patient with the identifier moves to the organization `b`, by a PUT or a PATCH that no entry has a link to. */
const move = {
  PUT: (value: string, more: object = {}) => ({
    request: { method: 'PUT', url: `Patient?identifier=${value}` },
    resource: aPatientOf('b', value, more),
  }),
  PATCH: (value: string) => ({
    request: { method: 'PATCH', url: `Patient?identifier=${value}` },
    resource: {
      resourceType: 'Binary',
      contentType: 'application/json-patch+json',
      data: Buffer.from(JSON.stringify([{ op: 'replace', path: '/meta/accounts', value: accounts('b') }])).toString(
        'base64',
      ),
    },
  }),
};
async function transact(...entry: object[]): Promise<Answer[]> {
  const answer = await (
    await admin()
  ).processBundle(JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }), baseUrl);
  return (parse(answer) as unknown as { entry: Answer[] }).entry;
}
const stored = async (value: string): Promise<string> =>
  `Patient/${(await (await admin()).create(text(aPatientOf('a', value)))).version.id}`;

describe.each(['PUT', 'PATCH'] as const)('beside a conditional %s of their Patient', (method) => {
  test.each([
    ['their address', (patient: string) => patient],
    ['a conditional reference', (_: string, value: string) => `Patient?identifier=${value}`],
  ])('resources that refer to the Patient by %s get the new accounts', async (name, referenceTo) => {
    const value = `${method}-${name.replaceAll(' ', '-')}`;
    const patient = await stored(value);
    const [observation, moved] = await transact(observationOf(referenceTo(patient, value)), move[method](value));
    expect(moved?.resource.meta.accounts).toEqual(accounts('b'));
    expect(observation?.resource).toMatchObject({ subject: { reference: patient }, meta: { accounts: accounts('b') } });
  });
});

test('a Patient who waits for a conditional reference is waited for too', async () => {
  const patient = await stored('waits');
  const organization = { resourceType: 'Organization', name: 'o', identifier: [{ value: 'waited-for' }] };
  await (await admin()).create(text(organization));
  const managingOrganization = { reference: 'Organization?identifier=waited-for' };
  const [observation] = await transact(
    observationOf('Patient?identifier=waits'),
    move.PUT('waits', { managingOrganization }),
  );
  expect(observation?.resource).toMatchObject({ subject: { reference: patient }, meta: { accounts: accounts('b') } });
});
