/** Binaries with a security context, seen and changed by a caller who may not read that context. */
import { policyByType } from '#access-policy';
import { jsonPatch } from '#fhir';
import { parseSearchAt } from '#fhir-search';
import { searchsetBundle, type ResourceRepository } from '#fhir-store';
import { aPatient, aTenant, baseUrl, text, type TestTenant } from './store.fixture.js';

const content = 'c2VjcmV0';
const place = '"_data":{"extension":[{"url":"urn:place","valueString":"sealed"}]}';

let t: TestTenant;
let owner: ResourceRepository;
let other: ResourceRepository;
let id: string;
let context: string;

beforeAll(async () => {
  t = await aTenant();
  owner = await t.repository();
  other = await t.repository({
    policy: policyByType((_, type) => type !== 'Patient', { reason: 'test: no patients', projectAdmin: false }),
  });
  context = `Patient/${(await owner.create(aPatient())).version.id}`;
  id = (await owner.create(binary({ data: content }))).version.id;
});
afterAll(() => t.close());

const binary = (more: object = {}) =>
  text({ resourceType: 'Binary', contentType: 'text/plain', securityContext: { reference: context }, ...more });

const batch = (by: ResourceRepository, type: string, ...entry: object[]) =>
  by.processBundle(JSON.stringify({ resourceType: 'Bundle', type, entry }), baseUrl);
const get = (url: string) => ({ request: { method: 'GET', url } });

describe('the content', () => {
  test('is in no answer of a Bundle', async () => {
    const urls = [
      `Binary/${id}`,
      `Binary/${id}/_history`,
      'Binary/_history',
      `?_id=${id}`,
      `?_id=${id}&_elements=data`,
      `?_id=${id}&_summary=data`,
    ];
    for (const kind of ['batch', 'transaction']) {
      const answer = await batch(owner, kind, ...urls.map(get));
      expect(answer.split('"status":"200"').length).toBeGreaterThan(urls.length);
      expect(answer).toContain(`"securityContext":{"reference":"${context}"}`);
      expect(answer).not.toContain(content);
    }
    const refused = await batch(other, 'batch', ...urls.map(get));
    expect(refused.split('"status":"403"')).toHaveLength(3);
    expect(refused).not.toContain('securityContext');
  });

  test('is in no page of a search, nor is the place where it is', async () => {
    const placed = (
      await owner.create(
        text(`{"resourceType":"Binary","contentType":"a/b","securityContext":{"reference":"${context}"},${place}}`),
      )
    ).version;
    const request = parseSearchAt(t.tenant.version, '', `_id=${placed.id},${id}`, { handling: 'strict' });
    const page = searchsetBundle(request, await other.search(request), { baseUrl, extended: true });
    expect(page).toContain(placed.id);
    expect(page).not.toContain(content);
    expect(page).not.toContain('sealed');
  });
});

describe('whoever may not read the context', () => {
  const forbidden = expect.objectContaining({ category: 'forbidden' });

  test('cannot take it away, nor ask about the content by patches that are tests', async () => {
    const open = text({ resourceType: 'Binary', id, contentType: 'text/plain' });
    const guess = jsonPatch('[{"op":"test","path":"/data","value":"wrong"}]');
    await expect(other.update('Binary', id, open)).rejects.toEqual(forbidden);
    await expect(other.conditionalUpdate('Binary', `_id=${id}`, open)).rejects.toEqual(forbidden);
    await expect(other.patch('Binary', id, guess)).rejects.toEqual(forbidden);
    // Criteria do not find what is invisible.
    await expect(other.conditionalPatch('Binary', `_id=${id}`, guess)).rejects.toMatchObject({ category: 'not-found' });
    await expect(other.changeMeta('Binary', id, (meta) => ({ ...meta, tag: [{ code: 'x' }] }))).rejects.toEqual(
      forbidden,
    );
    const patch = {
      request: { method: 'PATCH', url: `Binary/${id}` },
      resource: {
        resourceType: 'Binary',
        contentType: 'application/json-patch+json',
        data: Buffer.from('[{"op":"test","path":"/data","value":"wrong"}]').toString('base64'),
      },
    };
    await expect(batch(other, 'transaction', patch)).rejects.toEqual(forbidden);
    await expect(
      batch(other, 'transaction', {
        request: { method: 'PUT', url: `Binary/${id}` },
        resource: { resourceType: 'Binary', id, contentType: 'text/plain' },
      }),
    ).rejects.toEqual(forbidden);
    expect((await owner.read('Binary', id)).body).toContain(content);
  });

  test('is not told the content by whoever may change it either', async () => {
    const answer = await batch(owner, 'batch', {
      request: { method: 'PATCH', url: `Binary/${id}` },
      resource: {
        resourceType: 'Binary',
        contentType: 'application/json-patch+json',
        data: Buffer.from('[{"op":"replace","path":"/contentType","value":"text/html"}]').toString('base64'),
      },
    });
    expect(answer).toContain('text/html');
    expect(answer).not.toContain(content);
  });

  test('cannot change it either when the context is gone', async () => {
    const gone = (await owner.create(aPatient())).version.id;
    const guarded = binary({ securityContext: { reference: `Patient/${gone}` }, data: content });
    const { version } = await owner.create(guarded);
    await owner.delete('Patient', gone);
    await expect(
      owner.update('Binary', version.id, text({ resourceType: 'Binary', id: version.id, contentType: 'a/b' })),
    ).rejects.toEqual(forbidden);
  });
});
