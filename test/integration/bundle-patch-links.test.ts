/** Links in what a patch of a transaction adds, to entries whose resource is found by criteria. */
import { Buffer } from 'node:buffer';
import type { ResourceRepository } from '#fhir-store';
import { aPatient, aTenant, baseUrl, parse, text, type TestTenant } from './store.fixture.js';

interface Answer {
  readonly resource: { readonly id: string; readonly generalPractitioner?: unknown };
}

let t: TestTenant;
let repository: ResourceRepository;
beforeAll(async () => {
  t = await aTenant();
  repository = await t.repository();
});
afterAll(() => t.close());

const add = (path: string, value: unknown) => ({
  resourceType: 'Binary',
  contentType: 'application/json-patch+json',
  data: Buffer.from(JSON.stringify([{ op: 'add', path, value }])).toString('base64'),
});
async function transact(...entry: object[]): Promise<Answer[]> {
  const bundle = JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
  return (parse(await repository.processBundle(bundle, baseUrl)) as unknown as { entry: Answer[] }).entry;
}
const patient = async () => (await repository.create(aPatient())).version.id;
const linkOf = (id: string) => ({
  request: { method: 'PATCH', url: `Patient/${id}` },
  resource: add('/generalPractitioner', [{ reference: 'urn:uuid:doctor' }]),
});
const patchDoctor = (value: string) => ({
  fullUrl: 'urn:uuid:doctor',
  request: { method: 'PATCH', url: `Practitioner?identifier=${value}` },
  resource: add('/active', true),
});
/** A Practitioner who is written late, because an Organization has to be found first. */
const putDoctor = (value: string) => ({
  fullUrl: 'urn:uuid:doctor',
  request: { method: 'PUT', url: `Practitioner?identifier=${value}` },
  resource: {
    resourceType: 'Practitioner',
    identifier: [{ value }],
    qualification: [{ code: { text: 'x' }, issuer: { reference: `Organization?identifier=${value}` } }],
  },
});

test('a patch may add a link to what a conditional patch finds', async () => {
  const doctor = await repository.create(text({ resourceType: 'Practitioner', identifier: [{ value: 'patched' }] }));
  const [patched] = await transact(linkOf(await patient()), patchDoctor('patched'));
  expect(patched?.resource.generalPractitioner).toEqual([{ reference: `Practitioner/${doctor.version.id}` }]);
});

test('several patches may add links to one Practitioner who is made later', async () => {
  const organization = { resourceType: 'Organization', name: 'o', identifier: [{ value: 'later' }] };
  await repository.create(text(organization));
  const [one, other, doctor] = await transact(linkOf(await patient()), linkOf(await patient()), putDoctor('later'));
  const link = [{ reference: `Practitioner/${doctor?.resource.id}` }];
  expect([one?.resource.generalPractitioner, other?.resource.generalPractitioner]).toEqual([link, link]);
});

test('a link to a conditional patch that finds nothing is refused as that entry’s fault', async () => {
  await expect(transact(linkOf(await patient()), patchDoctor('nobody'))).rejects.toMatchObject({
    category: 'not-found',
    issues: [{ text: expect.stringMatching(/^Bundle\.entry\[1\]: (?!Bundle)/) as unknown }],
  });
});
