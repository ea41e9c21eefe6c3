/** What a caller may not see of a type does not show in a search of another one, neither in what it finds nor in what it brings along. */
import { readResource, type JsonObject } from '#fhir';
import { parseSearchAt, type SearchRequest } from '#fhir-search';
import { policyByType, type AccessPolicy } from '#access-policy';
import { StaleRights } from '#fhir-store';
import { sql } from '#postgres';
import { aTenant, policyOf, type TestTenant } from './store.fixture.js';

let t: TestTenant;

const resources: JsonObject[] = [
  { resourceType: 'Organization', id: 'quay', name: 'Quay' },
  {
    resourceType: 'Patient',
    id: 'ana',
    name: [{ family: 'Berg' }],
    managingOrganization: { reference: 'Organization/quay' },
  },
  observation('o1', 'Patient/ana', 'Practitioner/kim'),
  { resourceType: 'Practitioner', id: 'kim', name: [{ family: 'Kim' }] },
];

function observation(id: string, subject: string, performer: string): JsonObject {
  return {
    resourceType: 'Observation',
    id,
    status: 'final',
    code: { text: 'x' },
    subject: { reference: subject },
    performer: [{ reference: performer }],
  };
}

beforeAll(async () => {
  t = await aTenant();
  const repository = await t.repository();
  for (const resource of resources) {
    const text = readResource(JSON.stringify(resource));
    await repository.update(text.resourceType, text.id ?? '', text);
  }
});
afterAll(() => t?.close());

const request = (search: string): SearchRequest => {
  const at = search.indexOf('?');
  return parseSearchAt(t.tenant.version, search.slice(0, at), search.slice(at + 1), { handling: 'strict' });
};

async function finds(policy: AccessPolicy, search: string) {
  const { hits, included, total } = await (await t.repository({ policy })).search(request(search));
  const names = (all: typeof hits) => all.map(({ type, id }) => `${type}/${id}`);
  return { hits: names(hits), included: names(included), ...(total === undefined ? {} : { total }) };
}

const everything = policyOf('search *', 'read *');
const without = (type: string): AccessPolicy =>
  policyByType((interaction, name) => name !== type && everything.grants(interaction, name), {
    reason: `test: all but ${type}`,
    projectAdmin: false,
  });

describe('a type that the caller may not search', () => {
  test.each([
    'Observation?subject:Patient.family=berg',
    'Observation?subject.name=berg',
    'Observation?subject:Patient._id=ana',
    'Observation?patient.organization.name=quay',
    'Organization?_has:Patient:organization:family=berg',
    'Organization?_has:Patient:organization:_id=ana',
    'Organization?_has:Patient:organization:_has:Observation:patient:status=final',
    'Observation?_filter=patient.family eq "Berg"',
    '?_type=Organization&_has:Patient:organization:family=berg',
  ])('makes the links of %s lead nowhere', async (search) => {
    expect((await finds(everything, `${search}&_total=accurate`)).total).toBeGreaterThan(0);
    expect(await finds(without('Patient'), `${search}&_total=accurate`)).toEqual({ hits: [], included: [], total: 0 });
  });

  test('answers the same whether what it asks about is there or not', async () => {
    const policy = without('Patient');
    const asked = await finds(policy, 'Observation?subject:Patient.family:missing=true&_total=accurate');
    expect(asked).toEqual(await finds(policy, 'Observation?subject:Patient.family:missing=false&_total=accurate'));
  });

  test('is left out of a search over all types, and refused when it is named', async () => {
    expect((await finds(everything, '?_id=ana,o1')).hits).toEqual(['Patient/ana', 'Observation/o1']);
    expect(await finds(without('Patient'), '?_id=ana,o1&_total=accurate')).toMatchObject({
      hits: ['Observation/o1'],
      total: 1,
    });
    await expect(finds(without('Patient'), '?_id=ana,o1&_type=Patient,Observation')).rejects.toMatchObject({
      category: 'forbidden',
    });
    await expect(finds(without('Patient'), 'Practitioner/kim/Patient?')).rejects.toMatchObject({
      category: 'forbidden',
    });
    expect((await finds(without('Observation'), 'Patient/ana/*?')).hits).toEqual(['Patient/ana']);
  });

  test('leaves nothing of a search for a caller who may see no type at all', async () => {
    expect(await finds(policyOf(), '?_id=ana&_total=accurate')).toEqual({ hits: [], included: [], total: 0 });
  });
});

describe('a type that the caller may not read', () => {
  const searchOnly = (...readable: string[]) => policyOf('search *', ...readable.map((type) => `read ${type}`));

  test.each([
    ['Observation?_include=Observation:subject&_include=Observation:performer', ['Patient/ana', 'Practitioner/kim']],
    ['Observation?_include=*', ['Patient/ana', 'Practitioner/kim']],
    [
      'Observation?_include=Observation:patient&_include:iterate=Patient:organization',
      ['Patient/ana', 'Organization/quay'],
    ],
  ])('does not come along with %s', async (search, all) => {
    const included = async (policy: AccessPolicy) => (await finds(policy, search)).included.sort();
    expect(await included(everything)).toEqual([...all].sort());
    expect(await included(searchOnly('Observation', 'Organization', 'Practitioner'))).toEqual(
      all.filter((name) => name === 'Practitioner/kim'),
    );
  });
});

test('a type that the caller may not search does not come along because it refers to the matches', async () => {
  const search = 'Organization?_revinclude=*';
  expect((await finds(everything, search)).included).toEqual(['Patient/ana']);
  expect((await finds(policyOf('search Organization', 'read *'), search)).included).toEqual([]);
});

test('a chain, an include and a total are answered under current rights only', async () => {
  const stale = await t.repository();
  await t.owner.query(sql`UPDATE security_epoch SET epoch = epoch + 1`);
  for (const search of [
    'Observation?patient.family=berg',
    'Observation?_include=*',
    'Patient/ana/*?_total=accurate',
    '?_id=ana',
  ]) {
    await expect(stale.search(request(search))).rejects.toThrow(StaleRights);
  }
});

test('more than a thousand included resources are refused, and the matches by themselves are not', async () => {
  const repository = await t.repository();
  const entry = (index: number) => ({
    request: { method: 'POST', url: 'Observation' },
    resource: { ...observation('', 'Patient/many', 'Practitioner/kim'), id: undefined, code: { text: String(index) } },
  });
  await repository.update('Patient', 'many', readResource('{"resourceType":"Patient","id":"many"}'));
  const bundle = {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: Array.from({ length: 1001 }, (_, index) => entry(index)),
  };
  await repository.processBundle(JSON.stringify(bundle), 'https://quay.example.org/fhir/R4/');
  const search = 'Patient?_id=many&_revinclude=Observation:patient';
  await expect(finds(everything, search)).rejects.toMatchObject({ category: 'too-costly' });
  await expect(finds(everything, search)).rejects.toThrow('more than 1000 resources');
  expect((await finds(everything, 'Patient?_id=many')).hits).toEqual(['Patient/many']);
  const observations = (await repository.search(request('Observation?patient=many&_count=1000'))).hits;
  await repository.delete('Observation', observations[0]?.id ?? '');
  expect((await finds(everything, search)).included).toHaveLength(1000);
});
