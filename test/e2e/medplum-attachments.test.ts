/** Attachments as an unmodified MedplumClient makes and loads them. */
import { MedplumClient } from '@medplum/core';
import type { Patient } from '@medplum/fhirtypes';
import { aDatabase, type CreatedProject, type RunningPlatform, startPlatform } from '#testing';

let platform: RunningPlatform;
let project: CreatedProject;
let medplum: MedplumClient;

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  project = await platform.createProject('quay-clinic');
  medplum = new MedplumClient({ baseUrl: project.baseUrl, fetch: globalThis.fetch });
  await medplum.startClientLogin(project.adminClient.clientId, project.adminClient.clientSecret);
}, 120_000);

afterAll(() => platform?.stop());

/** Loads an address as a browser does for an image: without a token. */
const load = async (url: string | undefined) => {
  const answer = await fetch(url ?? '');
  return [answer.status, await answer.text()];
};

test('a new attachment can be shown at once, and again wherever it was put', async () => {
  const photo = await medplum.createAttachment({ data: 'smile', contentType: 'image/png', filename: 'me.png' });
  expect(await load(photo.url)).toEqual([200, 'smile']);

  const created = await medplum.createResource<Patient>({ resourceType: 'Patient', photo: [photo] });
  const read = await medplum.readResource('Patient', created.id);
  expect(await load(read.photo?.[0]?.url)).toEqual([200, 'smile']);
  expect(await (await medplum.download(read.photo?.[0]?.url ?? '')).text()).toBe('smile');

  await medplum.updateResource({ ...read, active: true });
  await medplum.patchResource('Patient', created.id, [
    { op: 'test', path: '/photo/0/url', value: read.photo?.[0]?.url },
    { op: 'add', path: '/photo/-', value: read.photo?.[0] },
  ]);
  const found = await medplum.searchOne('Patient', { _id: created.id });
  expect(await Promise.all((found?.photo ?? []).map(({ url }) => load(url)))).toEqual([
    [200, 'smile'],
    [200, 'smile'],
  ]);
  const { data } = (await medplum.graphql(`{ Patient(id: "${created.id}") { photo { url } } }`)) as {
    data: { Patient: { photo: { url: string }[] } };
  };
  expect(await load(data.Patient.photo[0]?.url)).toEqual([200, 'smile']);
});

test('createMedia, createDocumentReference and uploadMedia lead to what was uploaded', async () => {
  const upload = { data: 'film', contentType: 'video/mp4', filename: 'film.mp4' };
  const media = await medplum.createMedia({ ...upload, additionalFields: { note: [{ text: 'first' }] } });
  expect(await load((await medplum.readResource('Media', media.id ?? '')).content.url)).toEqual([200, 'film']);
  const uploaded = await medplum.uploadMedia('film', 'video/mp4', 'film.mp4');
  expect(await load(uploaded.content.url)).toEqual([200, 'film']);
  const document = await medplum.createDocumentReference(upload);
  const [content] = (await medplum.readResource('DocumentReference', document.id ?? '')).content;
  expect(await load(content?.attachment.url)).toEqual([200, 'film']);
});

test('a Binary can be downloaded by its reference too', async () => {
  const binary = await medplum.createBinary({ data: 'text', contentType: 'text/plain' });
  expect(await (await medplum.download(`Binary/${binary.id}`)).text()).toBe('text');
});
