import { StaleRights, type ResourceRepository } from '#fhir-store';
import { aPatient, aTenant, baseUrl, memberPolicy, parse, policyOf, text, type TestTenant } from './store.fixture.js';

interface Entry {
  response: {
    status: string;
    location?: string;
    etag?: string;
    outcome: { id?: string; issue: { expression?: string[] }[] };
  };
  resource?: Record<string, unknown> & { id: string };
}

let t: TestTenant;
let repository: ResourceRepository;
beforeAll(async () => {
  t = await aTenant();
  repository = await t.repository();
});
afterAll(() => t.close());

async function batch(entry: unknown[], by = repository, options = {}): Promise<Entry[]> {
  const answer = parse(
    await by.processBundle(JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry }), baseUrl, options),
  );
  expect(answer).toMatchObject({ resourceType: 'Bundle', type: 'batch-response' });
  return (answer['entry'] ?? []) as unknown as Entry[];
}
const get = (url: string, more: object = {}) => ({ request: { method: 'GET', url, ...more } });
const post = (resource: object) => ({
  request: { method: 'POST', url: (resource as { resourceType: string }).resourceType },
  resource,
});

describe('a batch', () => {
  test('answers each entry in its place; one that fails does not touch the others', async () => {
    const { version } = await repository.create(aPatient({ identifier: [{ value: 'batch' }] }));
    const gone = (await repository.create(aPatient())).version;
    await repository.delete('Patient', gone.id);
    const answers = await batch([
      get(`/Patient/${version.id}`),
      get('Patient/unknown'),
      post({ resourceType: 'Patient', gender: 'nonsense' }),
      post({ resourceType: 'Patient', gender: 'male' }),
      get('/Patient?identifier=batch&_count=1'),
      get(`Patient/${gone.id}`),
      get('Patient?nonsense=1'),
      get(`Patient/${version.id}`, { ifNoneMatch: `W/"${version.versionId}"` }),
      { request: { method: 'DELETE', url: `${baseUrl}Patient/${version.id}` } },
      'nonsense',
      { request: { method: 'PUT', url: 'Patient/b' }, resource: { resourceType: 'Patient', id: 'b' } },
      { request: { method: 'PUT', url: 'Patient?identifier=none' }, resource: { resourceType: 'Patient' } },
    ]);
    expect(answers.map(({ response }) => response.status)).toEqual([
      '200',
      '404',
      '400',
      '201',
      '200',
      '410',
      '400',
      '304',
      '200',
      '400',
      '201',
      '201',
    ]);
    expect(answers[0]).toMatchObject({
      response: { etag: `W/"${version.versionId}"`, outcome: { id: 'ok' } },
      resource: parse(version.body),
    });
    expect(answers[2]?.response.outcome.issue[0]?.expression).toEqual(['Patient.gender']);
    expect(answers[3]?.response).toMatchObject({
      location: `${baseUrl}Patient/${answers[3]?.resource?.id}/_history/${(answers[3]?.resource?.['meta'] as { versionId: string }).versionId}`,
      outcome: { id: 'created' },
    });
    expect(answers[4]?.resource).toMatchObject({ type: 'searchset', entry: [{ resource: { id: version.id } }] });
    expect(answers[7]?.resource).toBeUndefined();
    await expect(repository.read('Patient', version.id)).rejects.toMatchObject({ category: 'gone' });
  });

  test('tells what its entries have read, and what they were refused', async () => {
    const { version } = await repository.create(aPatient());
    const entities: string[] = [];
    const onRead = (entity: string, outcome: string) => entities.push(`${outcome} ${entity}`);
    await batch([get(`/Patient/${version.id}`), get('Patient/unknown'), get('Patient?name=x')], repository, { onRead });
    expect(entities).toEqual([`success Patient/${version.id}`, 'success Patient?name=x']);
    const urls = [`Patient/${version.id}`, 'Observation?code=x', 'Observation/_history', 'Patient/unknown'];
    entities.length = 0;
    await batch(
      urls.map((url) => get(url)),
      await t.repository({ policy: policyOf('read Patient') }),
      { onRead },
    );
    expect(entities).toEqual([
      `success Patient/${version.id}`,
      'refused Observation?code=x',
      'refused Observation/_history',
    ]);
  });

  test('shows the extended meta when asked', async () => {
    const [plain] = await batch([post({ resourceType: 'Patient' })]);
    const [extended] = await batch([post({ resourceType: 'Patient' })], repository, { extended: true });
    expect(plain?.resource?.['meta']).not.toHaveProperty('project');
    expect(extended?.resource?.['meta']).toMatchObject({
      project: t.tenant.projectId,
      author: { reference: 'ClientApplication/test' },
    });
  });

  test('with unknown search parameters follows the handling asked for', async () => {
    expect((await batch([get('Patient?nonsense=1')], repository, { handling: 'lenient' }))[0]?.response.status).toBe(
      '200',
    );
  });

  test('denies what is not granted, entry by entry', async () => {
    const reader = await t.repository({ policy: policyOf('search Patient') });
    const answers = await batch([get('Patient'), get('Observation'), post({ resourceType: 'Patient' })], reader);
    expect(answers.map(({ response }) => response.status)).toEqual(['200', '403', '403']);
  });

  test('a fault of ours is answered 500 and reported; without anyone to report to it fails the batch', async () => {
    const broken = {
      ...memberPolicy,
      grants: (_: string, type: string) => {
        if (type === 'Basic') throw new Error('broken policy');
        return true;
      },
    };
    const faulty = await t.repository({ policy: broken });
    const faults: unknown[] = [];
    const answers = await batch([get('Basic/1'), get('Patient')], faulty, {
      onFault: (error: unknown) => faults.push(error),
    });
    expect(answers.map(({ response }) => response.status)).toEqual(['500', '200']);
    expect(JSON.stringify(answers)).not.toContain('broken policy');
    expect(faults).toHaveLength(1);
    await expect(batch([get('Basic/1')], faulty)).rejects.toThrow('broken policy');
  });

  test.each([
    ['of another type', { resourceType: 'Bundle', type: 'collection' }],
    ['that is no Bundle', { resourceType: 'Patient' }],
    ['whose entries are no array', { resourceType: 'Bundle', type: 'batch', entry: {} }],
  ])('%s is refused', async (_, body) => {
    await expect(repository.processBundle(JSON.stringify(body), baseUrl)).rejects.toMatchObject({
      category: 'invalid',
    });
  });
});

describe('a batch during which rights change', () => {
  // An AccessPolicy raises the epoch, so the entries behind it come with rights that are no longer the current ones.
  const entries = [
    post({ resourceType: 'Patient' }),
    post({ resourceType: 'AccessPolicy', name: 'x' }),
    post({ resourceType: 'Patient' }),
  ];

  test('asks for the caller anew and goes on', async () => {
    const fresh = await t.repository({
      renew: async () => ({
        policy: memberPolicy,
        epoch: await t.epoch(),
        agent: 'ClientApplication/renewed',
        requestId: 'r',
      }),
    });
    expect((await batch(entries, fresh)).map(({ response }) => response.status)).toEqual(['201', '201', '201']);
    expect(await t.rows(`SELECT action FROM audit_event WHERE agent = 'ClientApplication/renewed'`)).toEqual([
      { action: 'C' },
    ]);
  });

  test('without a way to renew it, answers the rest 409', async () => {
    const answers = await batch(entries, await t.repository());
    expect(answers.map(({ response }) => response.status)).toEqual(['201', '201', '409']);
  });

  test('before its first entry can be repeated as a whole', async () => {
    const stale = await t.repository({ epoch: '0' });
    await expect(batch(entries, stale)).rejects.toBeInstanceOf(StaleRights);
  });
});

test('a searchset inside a batch pages by links that work outside', async () => {
  const current = await t.repository();
  for (let n = 0; n < 3; n++) await current.create(text({ resourceType: 'Basic', code: { text: `page ${n}` } }));
  const [answer] = await batch([get('Basic?_count=2&_total=accurate')], current);
  const set = answer?.resource as unknown as {
    total: number;
    link: { relation: string; url: string }[];
    entry: unknown[];
  };
  expect(set.total).toBe(3);
  expect(set.entry).toHaveLength(2);
  const next = set.link.find(({ relation }) => relation === 'next')?.url ?? '';
  expect(next.startsWith(`${baseUrl}Basic?`)).toBe(true);
  const [rest] = await batch([get(next)], current);
  expect((rest?.resource as unknown as { entry: unknown[] }).entry).toHaveLength(1);
});
