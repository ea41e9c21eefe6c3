/** What an access policy does to reads, histories and searches: what is not granted is refused, left out and not counted. */
import { policyByType } from '#access-policy';
import type { JsonObject } from '#fhir';
import { parseSearchAt, type SearchRequest } from '#fhir-search';
import { historyRequest, shownBody, type ResourceRepository, type StoredVersion } from '#fhir-store';
import { rules } from './policy-rules.fixture.js';
import { aTenant, baseUrl, parse, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
let owner: ResourceRepository;
const resources: JsonObject[] = [
  { resourceType: 'Organization', id: 'north', name: 'North' },
  { resourceType: 'Organization', id: 'south', name: 'South' },
  patient('ana', 'north', 'female'),
  patient('bo', 'south', 'male'),
  observation('of-ana', 'Patient/ana', 'final'),
  observation('of-bo', 'Patient/bo', 'final'),
  observation('draft-of-ana', 'Patient/ana', 'preliminary'),
];

function patient(id: string, organization: string, gender: string): JsonObject {
  return {
    resourceType: 'Patient',
    id,
    gender,
    name: [{ family: id }],
    managingOrganization: { reference: `Organization/${organization}` },
  };
}

function observation(id: string, subject: string, status: string): JsonObject {
  return { resourceType: 'Observation', id, status, code: { text: 'x' }, subject: { reference: subject } };
}

beforeAll(async () => {
  t = await aTenant();
  owner = await t.repository();
  for (const resource of resources) await put(resource);
});
afterAll(() => t?.close());

const put = async (resource: JsonObject): Promise<StoredVersion> => {
  const { resourceType, id = '' } = text(resource);
  return (await owner.update(resourceType, id, text(resource))).version;
};

const member = (...rule: JsonObject[]) => t.repository({ policy: rules(rule) });
const outcome = (category: string) => expect.objectContaining({ category }) as unknown;
const forbidden = outcome('forbidden');

const request = (search: string): SearchRequest => {
  const at = search.indexOf('?');
  const options = { handling: 'strict' as const, ownBaseUrls: [baseUrl] };
  return parseSearchAt(t.tenant.version, search.slice(0, at), search.slice(at + 1), options);
};
const namesOf = (found: readonly StoredVersion[]) => found.map(({ type, id }) => `${type}/${id}`);

async function finds(repository: ResourceRepository, search: string) {
  const { hits, included, total } = await repository.search(request(search));
  return { hits: namesOf(hits), included: namesOf(included), ...(total === undefined ? {} : { total }) };
}

const history = (scope: { type?: string; id?: string }, query = '') =>
  historyRequest(scope, query, { handling: 'strict' });

/** May do everything with patients of the organization North. */
const north = { resourceType: 'Patient', criteria: 'Patient?organization=Organization/north' };

describe('a read', () => {
  test('is refused for a type without rule, without looking at the id', async () => {
    const repository = await member(north);
    for (const id of ['of-ana', 'no-such-id', 'bad id!']) {
      await expect(repository.read('Observation', id)).rejects.toEqual(forbidden);
      await expect(repository.readVersion('Observation', id, '1')).rejects.toEqual(forbidden);
      await expect(repository.history(history({ type: 'Observation', id }))).rejects.toEqual(forbidden);
    }
  });

  test('of an unknown id is not found, and of a known one that no rule grants forbidden', async () => {
    const repository = await member(north);
    expect((await repository.read('Patient', 'ana')).id).toBe('ana');
    await expect(repository.read('Patient', 'nobody')).rejects.toEqual(outcome('not-found'));
    await expect(repository.read('Patient', 'bad id!')).rejects.toEqual(outcome('not-found'));
    await expect(repository.read('Patient', 'bo')).rejects.toEqual(forbidden);
  });

  test('needs a rule that lists read: others neither grant nor widen it', async () => {
    const repository = await member(
      { resourceType: 'Patient', interaction: ['create', 'search', 'vread', 'history', 'update', 'delete'] },
      { ...north, interaction: ['read'] },
    );
    expect((await repository.read('Patient', 'ana')).id).toBe('ana');
    await expect(repository.read('Patient', 'bo')).rejects.toEqual(forbidden);
    expect((await finds(repository, 'Patient?_sort=_id')).hits).toEqual(['Patient/ana', 'Patient/bo']);
  });

  test('of something deleted says so only to those who could see its last content', async () => {
    await put(patient('gone', 'north', 'male'));
    await owner.delete('Patient', 'gone');
    const others = { resourceType: 'Patient', criteria: 'Patient?organization=Organization/south' };
    await expect((await member(north)).read('Patient', 'gone')).rejects.toEqual(outcome('gone'));
    await expect((await member({ resourceType: 'Patient' })).read('Patient', 'gone')).rejects.toEqual(outcome('gone'));
    await expect((await member(others)).read('Patient', 'gone')).rejects.toEqual(forbidden);
  });

  test('by a wildcard with criteria applies them to every type', async () => {
    const repository = await member({ resourceType: '*', criteria: '*?_id=ana,of-ana' });
    expect((await repository.read('Patient', 'ana')).id).toBe('ana');
    expect((await repository.read('Observation', 'of-ana')).id).toBe('of-ana');
    await expect(repository.read('Patient', 'bo')).rejects.toEqual(forbidden);
    expect(await finds(repository, '?_total=accurate&_sort=_id')).toMatchObject({
      hits: ['Patient/ana', 'Observation/of-ana'],
      total: 2,
    });
  });

  test('of many leaves out what is not granted', async () => {
    const found = await (
      await member(north)
    ).readMany([
      { type: 'Patient', id: 'ana' },
      { type: 'Patient', id: 'bo' },
      { type: 'Observation', id: 'of-ana' },
    ]);
    expect([...found.keys()]).toEqual(['Patient/ana']);
  });
});

describe('a version and a history', () => {
  let first: StoredVersion;
  beforeAll(async () => {
    first = await put(patient('moved', 'north', 'male'));
    await put(patient('moved', 'south', 'male'));
    await put(patient('come', 'south', 'male'));
    await put(patient('come', 'north', 'male'));
    await put(patient('left', 'north', 'male'));
    await owner.delete('Patient', 'left');
  });

  test('are judged by the current version, not by the one that is asked for', async () => {
    const repository = await member(north);
    await expect(repository.readVersion('Patient', 'moved', first.versionId)).rejects.toEqual(forbidden);
    await expect(repository.history(history({ type: 'Patient', id: 'moved' }))).rejects.toEqual(forbidden);
    const { versions, total } = await repository.history(history({ type: 'Patient', id: 'come' }));
    expect(total).toBe(2);
    const oldest = versions.at(-1)?.versionId ?? '';
    expect((await repository.readVersion('Patient', 'come', oldest)).body).toContain('Organization/south');
  });

  test('are judged by the last content of what is deleted, for vread and history too', async () => {
    const seen = await member(north);
    const { versions } = await seen.history(history({ type: 'Patient', id: 'left' }));
    expect(versions.map(({ deleted }) => deleted)).toEqual([true, false]);
    const [deletion, content] = versions.map(({ versionId }) => versionId);
    expect((await seen.readVersion('Patient', 'left', content ?? '')).body).toContain('left');
    await expect(seen.readVersion('Patient', 'left', deletion ?? '')).rejects.toEqual(outcome('gone'));
    const unseen = await member({ resourceType: 'Patient', criteria: 'Patient?organization=Organization/south' });
    await expect(unseen.readVersion('Patient', 'left', content ?? '')).rejects.toEqual(forbidden);
    await expect(unseen.history(history({ type: 'Patient', id: 'left' }))).rejects.toEqual(forbidden);
  });

  test('need rules that list them', async () => {
    const reader = await member({ ...north, interaction: ['read', 'search'] });
    await expect(reader.readVersion('Patient', 'come', '1')).rejects.toEqual(forbidden);
    await expect(reader.history(history({ type: 'Patient', id: 'come' }))).rejects.toEqual(forbidden);
    await expect(reader.history(history({ type: 'Patient' }))).rejects.toEqual(forbidden);
    expect((await reader.history(history({}))).versions).toEqual([]);
  });

  test('that are unknown are not found, whichever way, once the resource is granted', async () => {
    const repository = await member(north);
    await expect(repository.readVersion('Patient', 'nobody', first.versionId)).rejects.toEqual(outcome('not-found'));
    await expect(repository.readVersion('Patient', 'ana', first.versionId)).rejects.toEqual(outcome('not-found'));
    await expect(repository.readVersion('Patient', 'bo', '999999')).rejects.toEqual(forbidden);
    await expect(repository.history(history({ type: 'Patient', id: 'nobody' }))).rejects.toEqual(outcome('not-found'));
  });

  test('of a type or of everything hold exactly the versions of what is granted, page by page', async () => {
    const repository = await member(north, { resourceType: 'Observation', criteria: 'Observation?status=preliminary' });
    for (const scope of [{ type: 'Patient' }, {}]) {
      const all = (await owner.history(history(scope, '_count=1000'))).versions;
      const granted = new Set([
        'Patient/ana',
        'Patient/come',
        'Patient/left',
        'Patient/gone',
        'Observation/draft-of-ana',
      ]);
      const expected = all.filter(({ type, id }) => granted.has(`${type}/${id}`)).map(({ versionId }) => versionId);
      for (const query of ['_count=2', '_count=1000', '_count=2&_sort=_lastUpdated']) {
        const found: string[] = [];
        let cursor = '';
        do {
          const page = await repository.history(history(scope, query + cursor));
          expect(page.versions.length).toBeLessThanOrEqual(1000);
          found.push(...page.versions.map(({ versionId }) => versionId));
          cursor = page.next === undefined ? '' : `&_cursor=${page.next}`;
        } while (cursor !== '');
        expect(found).toEqual(query.includes('_sort') ? expected.toReversed() : expected);
      }
      const second = await repository.history(history(scope, '_count=2&_offset=1'));
      expect(second.versions.map(({ versionId }) => versionId)).toEqual(expected.slice(1, 3));
    }
  });
});

describe('a search', () => {
  test('finds and counts only what a search rule grants, whatever it asks for', async () => {
    const repository = await member(north);
    for (const query of [
      '',
      '_id=ana,bo',
      'family=ana,bo',
      '_filter=family eq "ana" or family eq "bo"',
      'gender:missing=false',
    ]) {
      const { hits, total } = await finds(repository, `Patient?${query}&_total=accurate&_sort=_id&_id=ana,bo`);
      expect({ hits, total }).toEqual({ hits: ['Patient/ana'], total: 1 });
    }
    expect((await finds(repository, 'Patient?_summary=count&_id=ana,bo')).total).toBe(1);
    expect((await finds(repository, 'Patient?_count=0&_id=ana,bo')).total).toBe(1);
  });

  test('is filtered inside the query: pages are full and end where the granted ones end', async () => {
    const repository = await member({ resourceType: 'Observation', criteria: 'Observation?status=final' });
    const first = await repository.search(request('Observation?_count=1&_sort=_id'));
    const second = await repository.search(request(`Observation?_count=1&_sort=_id&_cursor=${first.next ?? ''}`));
    expect([namesOf(first.hits), namesOf(second.hits), second.next]).toEqual([
      ['Observation/of-ana'],
      ['Observation/of-bo'],
      undefined,
    ]);
  });

  test('goes by the rights of whoever follows a link, not of whoever got it', async () => {
    const { next } = await owner.search(request('Patient?_count=1&_sort=-_id&_id=ana,bo'));
    const repository = await member({ resourceType: 'Patient', criteria: 'Patient?organization=Organization/south' });
    expect((await finds(repository, `Patient?_count=1&_sort=-_id&_id=ana,bo&_cursor=${next ?? ''}`)).hits).toEqual([]);
  });

  test('takes the rules of a type as alternatives', async () => {
    const repository = await member(north, { resourceType: 'Patient', criteria: 'Patient?family=bo' });
    expect((await finds(repository, 'Patient?_id=ana,bo&_sort=_id')).hits).toEqual(['Patient/ana', 'Patient/bo']);
  });

  test('is never widened by a rule that lists another interaction', async () => {
    const repository = await member(north, { resourceType: 'Patient', interaction: ['create', 'read', 'update'] });
    expect((await finds(repository, 'Patient?_id=ana,bo')).hits).toEqual(['Patient/ana']);
  });

  test('of a type that no rule names is refused, also as one of several', async () => {
    const repository = await member(north);
    await expect(finds(repository, 'Observation?')).rejects.toEqual(forbidden);
    await expect(finds(repository, '?_type=Patient,Observation')).rejects.toEqual(forbidden);
    expect((await finds(repository, '?_id=ana,bo,of-ana')).hits).toEqual(['Patient/ana']);
  });

  test('follows chains and _has only to what a search rule of that type grants', async () => {
    const repository = await member(north, { resourceType: 'Observation' }, { resourceType: 'Organization' });
    const search = async (query: string) => (await finds(repository, query)).hits.sort();
    expect(await search('Observation?subject:Patient.family=ana,bo&status=final')).toEqual(['Observation/of-ana']);
    expect(await search('Organization?_has:Patient:organization:family=ana,bo')).toEqual(['Organization/north']);
    expect(await search('Organization?_has:Patient:organization:_has:Observation:patient:status=final')).toEqual([
      'Organization/north',
    ]);
    const noRead = await member({ ...north, interaction: ['read'] }, { resourceType: 'Observation' });
    expect((await finds(noRead, 'Observation?subject:Patient.family=ana')).hits).toEqual([]);
  });

  test('includes what may be read of what is referred to, and leaves the rest out silently', async () => {
    const repository = await member({ ...north, interaction: ['read'] }, { resourceType: 'Observation' });
    expect(await finds(repository, 'Observation?status=final&_include=Observation:subject')).toMatchObject({
      included: ['Patient/ana'],
    });
    const searcher = await member({ ...north, interaction: ['search'] }, { resourceType: 'Observation' });
    expect((await finds(searcher, 'Observation?_include=*')).included).toEqual([]);
  });

  test('includes what may be searched of what refers to the matches, and nothing of a type without rule', async () => {
    const drafts = { resourceType: 'Observation', criteria: 'Observation?status=preliminary' };
    const query = 'Patient?_id=ana&_revinclude=Observation:subject';
    expect((await finds(await member(north, drafts), query)).included).toEqual(['Observation/draft-of-ana']);
    expect((await finds(await member(north, { ...drafts, interaction: ['read'] }), query)).included).toEqual([]);
    expect((await finds(await member(north), query)).included).toEqual([]);
    const iterated = 'Organization?_id=north&_revinclude=Patient:organization&_revinclude:iterate=Observation:subject';
    expect((await finds(await member(north, drafts, { resourceType: 'Organization' }), iterated)).included).toEqual(
      expect.arrayContaining(['Patient/ana', 'Observation/draft-of-ana']),
    );
    expect(
      (await finds(await member(north, drafts, { resourceType: 'Organization' }), iterated)).included,
    ).not.toContain('Observation/of-ana');
  });

  test('of a batch answers each entry by its own rights', async () => {
    const entry = (url: string) => ({ request: { method: 'GET', url } });
    const bundle = {
      resourceType: 'Bundle',
      type: 'batch',
      entry: ['Patient/ana', 'Patient/bo', 'Patient/x', 'Observation'].map(entry),
    };
    const answer = parse(await (await member(north)).processBundle(JSON.stringify(bundle), baseUrl));
    const statuses = (answer['entry'] as { response: { status: string } }[]).map(({ response }) => response.status);
    expect(statuses).toEqual(['200', '403', '404', '403']);
  });
});

describe('definitions', () => {
  test('of the version are readable for everybody, and what the project has of that id only for those who may', async () => {
    const repository = await member(north);
    expect((await repository.read('StructureDefinition', 'Patient')).versionId).toBe('0');
    await put({
      resourceType: 'SearchParameter',
      id: 'individual-gender',
      url: 'urn:own',
      name: 'Own',
      status: 'draft',
      description: 'x',
      code: 'own',
      base: ['Patient'],
      type: 'token',
    });
    const some = await member({ resourceType: 'SearchParameter', criteria: 'SearchParameter?status=active' });
    expect((await some.read('SearchParameter', 'individual-gender')).versionId).toBe('0');
    expect(namesOf((await some.search(request('SearchParameter?_id=individual-gender'))).hits)).toEqual([
      'SearchParameter/individual-gender',
    ]);
    expect((await some.search(request('SearchParameter?_id=individual-gender'))).hits[0]?.versionId).toBe('0');
    const all = await member({ resourceType: 'SearchParameter' });
    expect((await all.read('SearchParameter', 'individual-gender')).body).toContain('urn:own');
  });
});

describe('a Binary with a security context', () => {
  const versionIds = new Map<string, string>();
  const binary = (id: string, context: string) => ({
    resourceType: 'Binary',
    id,
    contentType: 'text/plain',
    securityContext: { reference: context },
    data: 'c2VjcmV0',
  });
  beforeAll(async () => {
    for (const [id, context] of [
      ['for-ana', 'Patient/bo'],
      ['for-ana', 'Patient/ana'],
      ['for-bo', 'Patient/bo'],
      ['for-binary', 'Binary/for-ana'],
    ] as const) {
      versionIds.set(id, (await put(binary(id, context))).versionId);
    }
    await put({ resourceType: 'Binary', id: 'open', contentType: 'text/plain' });
    const item = (id: string) => ({ item: { reference: `Binary/${id}` } });
    const entry = ['for-ana', 'for-bo', 'for-binary', 'open'].map(item);
    await put({ resourceType: 'List', id: 'all', status: 'current', mode: 'working', entry });
  });

  test.each([
    ['', {}],
    [', also for a member to whom it is to be hidden', { hiddenFields: ['securityContext'] }],
    [
      ', also for a member to whom its reference is to be hidden',
      { hiddenFields: ['Binary.securityContext.reference'] },
    ],
  ])('is for those who may read that context, in whatever way it is reached%s', async (_, more) => {
    const repository = await member(north, { resourceType: 'Binary', ...more }, { resourceType: 'List' });
    expect((await repository.read('Binary', 'for-ana')).body).toContain('c2VjcmV0');
    for (const id of ['for-bo', 'for-binary']) {
      const versionId = versionIds.get(id) ?? '';
      await expect(repository.read('Binary', id)).rejects.toEqual(forbidden);
      await expect(repository.readVersion('Binary', id, versionId)).rejects.toEqual(forbidden);
      await expect(repository.history(history({ type: 'Binary', id }))).rejects.toEqual(forbidden);
    }
    const { versions } = await repository.history(history({ type: 'Binary' }));
    expect(namesOf(versions).sort()).toEqual(['Binary/for-ana', 'Binary/for-ana', 'Binary/open']);
    // Also of the version that had another context.
    for (const version of versions) expect(shownBody(version, { extended: false })).not.toContain('c2VjcmV0');
    const { included } = await repository.search(request('List?_include=List:item'));
    expect(namesOf(included).sort()).toEqual(['Binary/for-ana', 'Binary/open']);
    for (const version of included) expect(shownBody(version, { extended: false })).not.toContain('c2VjcmV0');
    const everything = await owner.readMany([{ type: 'Binary', id: 'for-bo' }]);
    expect([...everything.keys()]).toEqual(['Binary/for-bo']);
    expect((await repository.readMany([{ type: 'Binary', id: 'for-bo' }])).size).toBe(0);
  });

  test('needs a rule on Binary, and one without context needs nothing else', async () => {
    await expect((await member(north)).read('Binary', 'open')).rejects.toEqual(forbidden);
    expect((await (await member({ resourceType: 'Binary' })).read('Binary', 'open')).id).toBe('open');
  });

  test('cannot be found by a search', async () => {
    const repository = await member(north, { resourceType: 'Binary' });
    await expect(finds(repository, 'Binary?')).rejects.toEqual(outcome('invalid'));
    await expect(finds(await t.repository(), 'Binary?_id=open')).rejects.toEqual(outcome('invalid'));
    await expect(finds(await member(north), 'Binary?')).rejects.toEqual(forbidden);
    expect((await finds(await t.repository(), '?_id=open,ana')).hits).toEqual(['Patient/ana']);
  });
});

test('a refusal says nothing of the resource', async () => {
  const repository = await member(north);
  const error = await repository.read('Patient', 'bo').catch((caught: unknown) => caught);
  expect(error).toMatchObject({ category: 'forbidden', message: 'Forbidden' });
  expect(JSON.stringify((error as { issues: unknown }).issues)).not.toMatch(/bo|south/);
});

test('a policy of types alone looks at no resource', async () => {
  const unseen = {
    ...policyByType(() => true, { reason: 'test', projectAdmin: false }),
    grantFor: () => {
      throw new Error('It was looked at.');
    },
  };
  const repository = await t.repository({ policy: unseen });
  const { versionId } = await repository.read('Patient', 'ana');
  await repository.readVersion('Patient', 'ana', versionId);
  await repository.history(history({ type: 'Patient' }));
  await repository.history(history({ type: 'Patient', id: 'ana' }));
  await repository.search(request('Patient?_include=*&_revinclude=*'));
});
