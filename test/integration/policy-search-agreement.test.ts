/** What a search finds under a policy is exactly what the policy grants, resource by resource. */
import { spliceExtendedMeta, type JsonObject } from '#fhir';
import { parseSearch, type SearchRequest } from '#fhir-search';
import { effectivePolicy, systemPolicy, type EffectivePolicy } from '#access-policy';
import { runs, SeededRandom } from '#testing';
import { aMember, aResource, projectId, storedMember } from '../conformance/policy/generated-policies.js';
import { aTenant, baseUrl, parse, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
/** What is stored, by type, as policies judge it. */
const stored = new Map<string, JsonObject[]>();

const searched = [
  'Patient',
  'Observation',
  'Organization',
  'Questionnaire',
  'AccessPolicy',
  'ClientApplication',
  'Subscription',
  'Project',
];

/** What a type must have besides to be valid. */
const required: Readonly<Record<string, object>> = {
  Observation: { status: 'final', code: { text: 'x' } },
  Organization: { name: 'x' },
  Questionnaire: { status: 'draft' },
  Subscription: { status: 'off', reason: 'x', criteria: 'Patient?active=true', channel: { type: 'message' } },
  Project: { name: 'x' },
};

/** Patients first, because what refers to them is filed where they are. */
async function store(random: SeededRandom): Promise<void> {
  const epoch = await t.epoch();
  const made = ['Patient', 'Organization'].flatMap((type) =>
    ['a', 'b', 'c', 'd'].map((id) => ({ resourceType: type, id })),
  );
  const others = Array.from({ length: 150 }, (_, at) => ({ id: `r${at}` }));
  for (const wanted of [...made, ...others]) {
    let resource = aResource(random);
    while (
      'resourceType' in wanted
        ? resource['resourceType'] !== wanted.resourceType
        : !searched.includes(resource['resourceType'] as string)
    ) {
      resource = aResource(random);
    }
    const type = resource['resourceType'] as string;
    const { tag, compartment } = resource['meta'] as JsonObject;
    const accounts = (Array.isArray(compartment) ? compartment : []).filter((one) =>
      ((one as JsonObject)['reference'] as string).startsWith('Organization/'),
    );
    const meta = { ...(tag === undefined ? {} : { tag }), ...(accounts.length > 0 ? { accounts } : {}) };
    const status = resource['status'] === 'draft' ? { status: 'preliminary' } : {};
    const whole = {
      ...required[type],
      ...resource,
      ...status,
      ...(type === 'Subscription' ? { channel: { type: 'message' } } : {}),
      id: wanted.id,
      meta,
    };
    // The rights do not change in between for anybody: the system writes.
    const repository = await t.repository({ policy: systemPolicy('test'), extended: true });
    await repository.update(type, wanted.id, text(whole));
  }
  expect(await t.epoch()).not.toBe(epoch);
  const rows = await t.rows<{ type: string; fhir_id: string; body: string; extended_meta: string }>(
    'SELECT type, fhir_id, body, extended_meta FROM resource WHERE NOT deleted',
  );
  for (const { type, fhir_id, body, extended_meta } of rows) {
    const value = parse(spliceExtendedMeta(body, type, fhir_id, extended_meta));
    stored.set(type, [...(stored.get(type) ?? []), value]);
  }
}

beforeAll(async () => {
  t = await aTenant();
  await store(new SeededRandom(3));
});
afterAll(() => t?.close());

const all = (type: string): SearchRequest => parseSearch(t.tenant.version, type, '_count=1000', { handling: 'strict' });

async function found(policy: EffectivePolicy, type: string): Promise<string[]> {
  const { hits } = await (await t.repository({ policy })).search(all(type));
  return hits.map(({ id }) => id).sort();
}

const members = runs({ sample: 60, deep: 1_000 });

test('a search finds exactly the resources that the policy grants', async () => {
  const random = new SeededRandom(99);
  const counts = { some: 0, none: 0, all: 0, refused: 0 };
  for (let at = 0; at < members; at++) {
    const member = aMember(random);
    const given = storedMember(member);
    const policy = effectivePolicy({ version: t.tenant.version, ownBaseUrls: [baseUrl], projectId, ...given });
    for (const type of searched) {
      const resources = stored.get(type) ?? [];
      const granted = resources
        .filter((value) => policy.grantFor('search', { type, value }))
        .map(({ id }) => id as string)
        .sort();
      if (policy.grants('search', type)) {
        expect({ given, type, found: await found(policy, type) }).toEqual({ given, type, found: granted });
        counts[granted.length === 0 ? 'none' : granted.length === resources.length ? 'all' : 'some']++;
      } else {
        await expect(found(policy, type)).rejects.toMatchObject({ category: 'forbidden' });
        expect({ given, type, granted }).toEqual({ given, type, granted: [] });
        counts.refused++;
      }
    }
  }
  // Every outcome occurs, or the agreement would say little.
  for (const [outcome, count] of Object.entries(counts))
    expect([outcome, count > members / 10]).toEqual([outcome, true]);
});
