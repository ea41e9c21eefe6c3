/** What an access policy does to writes: the resource as it is stored, and as the write leaves it, must both be granted. */
import { jsonPatch, type JsonObject } from '#fhir';
import { parseSearch } from '#fhir-search';
import type { ResourceRepository, StoredVersion } from '#fhir-store';
import { rules, type MemberOptions } from './policy-rules.fixture.js';
import { aPatient, aTenant, parse, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
let owner: ResourceRepository;
beforeAll(async () => {
  t = await aTenant();
  owner = await t.repository();
});
afterAll(() => t.close());

const member = (rule: readonly JsonObject[], options?: MemberOptions) =>
  t.repository({ policy: rules(rule, options), agent: 'Practitioner/me', author: 'Practitioner/me' });

const refused = (category: string) => expect.objectContaining({ category }) as unknown;
const forbidden = refused('forbidden');
const replace = (path: string, value: unknown) => jsonPatch(JSON.stringify([{ op: 'replace', path, value }]));
const stored = async (more: object = {}) => (await owner.create(aPatient(more))).version;
const current = async (version: StoredVersion) => parse((await owner.read('Patient', version.id)).body);
const patientCount = async () =>
  (await owner.search(parseSearch(t.tenant.version, 'Patient', '_total=accurate&_count=0', { handling: 'strict' })))
    .total;

/** May do everything with patients that are active. */
const activeOnly = [{ resourceType: 'Patient', criteria: 'Patient?active=true' }];

describe('a create', () => {
  test('is granted on the finished resource: one that no rule grants is refused and nothing is stored', async () => {
    const repository = await member(activeOnly);
    const before = await patientCount();
    await expect(repository.create(aPatient({ active: false }))).rejects.toEqual(forbidden);
    expect(await patientCount()).toBe(before);
    expect((await repository.create(aPatient())).created).toBe(true);
  });

  test('of a type that no rule names is refused before its body is looked at', async () => {
    const repository = await member(activeOnly);
    await expect(repository.create(text({ resourceType: 'Observation' }))).rejects.toEqual(forbidden);
  });

  test('needs a rule that lists create', async () => {
    const repository = await member([{ resourceType: 'Patient', interaction: ['read', 'search', 'update'] }]);
    await expect(repository.create(aPatient())).rejects.toEqual(forbidden);
  });

  test('leaves readonly and hidden fields out', async () => {
    const repository = await member([
      { resourceType: 'Patient', readonlyFields: ['birthDate'], hiddenFields: ['gender', 'name.given'] },
    ]);
    const { version } = await repository.create(aPatient({ birthDate: '2000-01-01', gender: 'male' }));
    const made = await current(version);
    expect(made).not.toHaveProperty('birthDate');
    expect(made).not.toHaveProperty('gender');
    expect(made['name']).toEqual([{ family: 'Quay' }]);
  });

  test('is judged without the readonly fields that it may not set', async () => {
    const repository = await member([
      { resourceType: 'Patient', criteria: 'Patient?gender=male', readonlyFields: ['gender'] },
    ]);
    await expect(repository.create(aPatient({ gender: 'male' }))).rejects.toEqual(forbidden);
  });

  test('by wildcard criteria is judged like any other', async () => {
    const repository = await member([{ resourceType: '*', criteria: '*?_tag=mine' }]);
    const tagged = { meta: { tag: [{ code: 'mine' }] } };
    await expect(repository.create(aPatient())).rejects.toEqual(forbidden);
    expect((await repository.create(aPatient(tagged))).created).toBe(true);
  });
});

describe('an update', () => {
  const changes: [string, (by: ResourceRepository, id: string, active: boolean) => Promise<unknown>][] = [
    ['PUT', (by, id, active) => by.update('Patient', id, aPatient({ id, active, gender: 'male' }))],
    ['PATCH', (by, id, active) => by.patch('Patient', id, replace('/active', active))],
    [
      'conditional PUT',
      (by, id, active) => by.conditionalUpdate('Patient', `_id=${id}`, aPatient({ active, gender: 'male' })),
    ],
    ['conditional PATCH', (by, id, active) => by.conditionalPatch('Patient', `_id=${id}`, replace('/active', active))],
  ];
  /** May see all, but change active ones only. */
  const changesActive = [
    { resourceType: 'Patient', criteria: 'Patient?active=true', interaction: ['create', 'update', 'delete'] },
    { resourceType: 'Patient', readonly: true },
  ];

  test.each(changes)(
    'by %s of a stored resource that is not granted is refused, even if the new content is',
    async (_, change) => {
      const { id, versionId } = await stored({ active: false });
      await expect(change(await member(changesActive), id, true)).rejects.toEqual(forbidden);
      expect(await owner.read('Patient', id)).toMatchObject({ versionId });
    },
  );

  test.each(changes)('by %s must not move a resource out of reach', async (_, change) => {
    const { id, versionId } = await stored();
    await expect(change(await member(changesActive), id, false)).rejects.toEqual(forbidden);
    expect(await owner.read('Patient', id)).toMatchObject({ versionId });
  });

  test('of what is granted before and after is carried out', async () => {
    const repository = await member(changesActive);
    const { id } = await stored();
    expect((await repository.update('Patient', id, aPatient({ id, gender: 'male' }))).changed).toBe(true);
    expect((await repository.patch('Patient', id, replace('/gender', 'female'))).changed).toBe(true);
    expect(await current({ id } as StoredVersion)).toMatchObject({ gender: 'female', active: true });
  });

  test('that changes nothing answers the stored version only after the check of what is stored', async () => {
    const inactive = await stored({ active: false });
    const active = await stored();
    const repository = await member(changesActive);
    await expect(
      repository.update('Patient', inactive.id, aPatient({ id: inactive.id, active: false })),
    ).rejects.toEqual(forbidden);
    expect(await repository.update('Patient', active.id, aPatient({ id: active.id }))).toMatchObject({
      changed: false,
      version: { versionId: active.versionId },
    });
  });

  test('is refused before If-Match is compared and before the content is checked', async () => {
    const { id } = await stored({ active: false });
    const repository = await member(changesActive);
    await expect(
      repository.update('Patient', id, aPatient({ id, gender: 'nonsense' }), { ifMatch: 'W/"1"' }),
    ).rejects.toEqual(forbidden);
    const active = (await stored()).id;
    await expect(repository.update('Patient', active, aPatient({ id: active, gender: 'nonsense' }))).rejects.toEqual(
      refused('invalid'),
    );
  });

  test('shows nothing of the resource to those who may not read what it has become', async () => {
    const { id } = await stored({ gender: 'male', identifier: [{ value: 'secret-number' }] });
    const blind = await member([{ resourceType: 'Patient', interaction: ['update'], readonlyFields: ['identifier'] }]);
    const answer = await blind.update('Patient', id, aPatient({ id, gender: 'female' }));
    expect(answer).toMatchObject({ isShown: false, changed: true });
    const { versionId, lastUpdated } = answer.version;
    expect(parse(answer.version.body)).toEqual({ resourceType: 'Patient', id, meta: { versionId, lastUpdated } });
    expect(answer.version.extendedMeta).toBe('');
    expect(await current({ id } as StoredVersion)).toMatchObject({ identifier: [{ value: 'secret-number' }] });
    const reads = [{ resourceType: 'Patient', criteria: 'Patient?active=true', interaction: ['read'] }];
    const sighted = await member([...reads, { resourceType: 'Patient', interaction: ['update'] }]);
    expect((await sighted.update('Patient', id, aPatient({ id }))).isShown).toBe(true);
    expect((await sighted.update('Patient', id, aPatient({ id, active: false }))).isShown).toBe(false);
  });

  test.each([
    ['a resource', (by: ResourceRepository, id: string) => by.patch('Patient', id, jsonPatch('[]'))],
    [
      'what criteria find',
      (by: ResourceRepository, id: string) => by.conditionalPatch('Patient', `_id=${id}`, jsonPatch('[]')),
    ],
  ])('by a patch of %s needs the right to read it, because the patch tells what is there', async (_, change) => {
    const { id } = await stored();
    const blind = await member([{ resourceType: 'Patient', interaction: ['update', 'search'] }]);
    await expect(change(blind, id)).rejects.toEqual(forbidden);
    const sighted = await member([{ resourceType: 'Patient', interaction: ['update', 'search', 'read'] }]);
    expect((await change(sighted, id)) as object).toMatchObject({ changed: false, isShown: true });
  });

  test('needs a rule that lists update', async () => {
    const { id } = await stored();
    const repository = await member([{ resourceType: 'Patient', interaction: ['create', 'read', 'search'] }]);
    await expect(repository.update('Patient', id, aPatient({ id }))).rejects.toEqual(forbidden);
    await expect(repository.patch('Patient', id, replace('/active', false))).rejects.toEqual(forbidden);
  });
});

describe('a refusal', () => {
  const calls: [string, (by: ResourceRepository, id: string) => Promise<unknown>][] = [
    ['PUT', (by, id) => by.update('Patient', id, aPatient({ id }))],
    ['PATCH', (by, id) => by.patch('Patient', id, replace('/active', true))],
    ['DELETE', (by, id) => by.delete('Patient', id)],
  ];

  test.each(calls)('of %s: an unknown id is not found, and one that is not granted is forbidden', async (_, call) => {
    const repository = await member(activeOnly);
    await expect(call(repository, 'unknown-id')).rejects.toEqual(refused('not-found'));
    await expect(call(repository, 'mal_formed')).rejects.toEqual(expect.objectContaining({ name: 'OutcomeError' }));
    await expect(call(repository, (await stored({ active: false })).id)).rejects.toEqual(forbidden);
  });

  test.each(calls)('of %s without a rule for the type and interaction does not look at the id', async (_, call) => {
    const repository = await member([{ resourceType: 'Patient', readonly: true }]);
    await expect(call(repository, 'unknown-id')).rejects.toEqual(forbidden);
    await expect(call(repository, (await stored()).id)).rejects.toEqual(forbidden);
  });

  test.each(calls.slice(0, 2))(
    'of %s of a deleted resource: gone if its last content was granted, else forbidden',
    async (_, call) => {
      const seen = await stored();
      const unseen = await stored({ active: false });
      for (const { id } of [seen, unseen]) await owner.delete('Patient', id);
      const repository = await member(activeOnly);
      await expect(call(repository, seen.id)).rejects.toEqual(refused('gone'));
      await expect(call(repository, unseen.id)).rejects.toEqual(forbidden);
    },
  );

  test('says nothing of the resource and names no match', async () => {
    const { id } = await stored({ active: false, identifier: [{ value: 'secret-number' }] });
    const repository = await member([
      { resourceType: 'Patient', criteria: 'Patient?active=true', interaction: ['update'] },
      { resourceType: 'Patient', interaction: ['search'] },
    ]);
    const attempts = await Promise.allSettled([
      repository.conditionalUpdate('Patient', 'identifier=secret-number', aPatient()),
      repository.conditionalUpdate('Patient', 'identifier=secret-number', aPatient({ id: 'another' })),
      repository.conditionalPatch('Patient', 'identifier=secret-number', replace('/active', true)),
    ]);
    expect(attempts.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    for (const attempt of attempts) {
      const { issues } = (attempt as PromiseRejectedResult).reason as { issues: unknown };
      expect(JSON.stringify(issues)).not.toContain(id);
      expect(JSON.stringify(issues)).not.toContain('Quay');
    }
  });

  test('is recorded in the audit', async () => {
    const { id } = await stored({ active: false });
    const repository = await member(activeOnly);
    await expect(repository.update('Patient', id, aPatient({ id }))).rejects.toEqual(forbidden);
    await expect(repository.create(aPatient({ active: false }))).rejects.toEqual(forbidden);
    const records = await t.rows<{ entity: string }>(
      `SELECT entity FROM audit_event WHERE outcome <> 0 AND agent = 'Practitioner/me' AND entity IN ($1, 'Patient')`,
      `Patient/${id}`,
    );
    expect(new Set(records.map(({ entity }) => entity))).toEqual(new Set([`Patient/${id}`, 'Patient']));
  });
});

describe('a delete', () => {
  test('is granted on the stored resource', async () => {
    const repository = await member(activeOnly);
    const active = await stored();
    const inactive = await stored({ active: false });
    await expect(repository.delete('Patient', inactive.id)).rejects.toEqual(forbidden);
    expect((await repository.delete('Patient', active.id)).deleted).toBe(true);
  });

  test('of what is deleted already says so only to those who could have deleted it', async () => {
    const active = await stored();
    const inactive = await stored({ active: false });
    for (const { id } of [active, inactive]) await owner.delete('Patient', id);
    const repository = await member(activeOnly);
    expect((await repository.delete('Patient', active.id)).deleted).toBe(true);
    await expect(repository.delete('Patient', inactive.id)).rejects.toEqual(forbidden);
  });

  test('by criteria takes only what the caller sees, and nothing when one of that is not theirs to delete', async () => {
    const value = 'conditional-delete';
    const visible = await stored({ identifier: [{ value }] });
    const invisible = await stored({ active: false, identifier: [{ value }] });
    const seesActive = { resourceType: 'Patient', criteria: 'Patient?active=true', interaction: ['search'] };
    const deletesMale = { resourceType: 'Patient', criteria: 'Patient?gender=male', interaction: ['delete'] };
    await expect(
      (await member([seesActive, deletesMale])).conditionalDelete('Patient', `identifier=${value}`),
    ).rejects.toEqual(forbidden);
    const repository = await member(activeOnly);
    const taken = await repository.conditionalDelete('Patient', `identifier=${value}`);
    expect(taken.map(({ id }) => id)).toEqual([visible.id]);
    expect((await owner.read('Patient', invisible.id)).versionId).toBe(invisible.versionId);
    expect(await repository.conditionalDelete('Patient', `identifier=${value}`)).toEqual([]);
  });
});

describe('PUT of an unknown id', () => {
  const put = (by: ResourceRepository, id: string, more: object = {}) =>
    by.update('Patient', id, aPatient({ id, ...more }));

  test('is not found for a member, even one who may create', async () => {
    await expect(put(await member([{ resourceType: 'Patient' }]), 'new-of-member')).rejects.toEqual(
      refused('not-found'),
    );
  });

  test('makes the resource for a project admin whose policy grants create on the finished resource', async () => {
    const admin = await member(activeOnly, { admin: true });
    expect((await put(admin, 'new-of-admin')).created).toBe(true);
    await expect(put(admin, 'new-of-admin-2', { active: false })).rejects.toEqual(forbidden);
    const updater = await member([{ resourceType: 'Patient', interaction: ['update', 'read'] }], { admin: true });
    await expect(put(updater, 'new-of-admin-3')).rejects.toEqual(refused('not-found'));
  });

  test('brings a deleted resource back only when both its last content and the new one are granted', async () => {
    const seen = await stored();
    const unseen = await stored({ active: false });
    for (const { id } of [seen, unseen]) await owner.delete('Patient', id);
    const admin = await member(activeOnly, { admin: true });
    await expect(put(admin, unseen.id)).rejects.toEqual(forbidden);
    await expect(put(admin, seen.id, { active: false })).rejects.toEqual(forbidden);
    expect((await put(admin, seen.id)).created).toBe(true);
  });

  test('needs both letters of a SMART scope', async () => {
    const scoped = (scope: string) => member([{ resourceType: 'Patient' }], { admin: true, scope });
    await expect(put(await scoped('user/Patient.ru'), 'new-of-scope')).rejects.toEqual(refused('not-found'));
    await expect(put(await scoped('user/Patient.rc'), 'new-of-scope')).rejects.toEqual(forbidden);
    await expect(put(await scoped('user/Observation.cruds'), 'new-of-scope')).rejects.toEqual(forbidden);
    for (const [index, scope] of ['user/Patient.cu', 'user/Patient.c user/*.u', 'system/*.write'].entries()) {
      expect(await put(await scoped(scope), `new-of-scope-${index}`)).toMatchObject({ created: true });
    }
    const narrow = await scoped('user/Patient.cu?active=true');
    await expect(put(narrow, 'new-of-narrow-scope', { active: false })).rejects.toEqual(forbidden);
    expect((await put(narrow, 'new-of-narrow-scope')).created).toBe(true);
    const noAdmin = await member([{ resourceType: 'Patient' }], { scope: 'user/Patient.cu' });
    await expect(put(noAdmin, 'new-of-scope')).rejects.toEqual(refused('not-found'));
  });
});

describe('what a client says of what the server sets', () => {
  test('counts for nothing', async () => {
    const forged = {
      meta: {
        versionId: '999999999999',
        lastUpdated: '2001-01-01T00:00:00Z',
        project: 'other',
        author: { reference: 'Practitioner/other' },
        onBehalfOf: { reference: 'Practitioner/other' },
        compartment: [{ reference: 'Patient/other' }],
      },
    };
    const repository = await member([{ resourceType: 'Patient' }]);
    const { version } = await repository.create(aPatient(forged));
    const seen = `${version.body}${version.extendedMeta}`;
    expect(seen).not.toContain('other');
    expect(seen).not.toContain('999999999999');
    expect(version.extendedMeta).toContain('"author":{"reference":"Practitioner/me"}');
    const patched = await repository.patch(
      'Patient',
      version.id,
      jsonPatch(
        JSON.stringify([
          { op: 'add', path: '/meta/project', value: 'other' },
          { op: 'add', path: '/gender', value: 'male' },
        ]),
      ),
    );
    expect(`${patched.version.body}${patched.version.extendedMeta}`).not.toContain('other');
  });

  test('cannot make a rule about compartments true', async () => {
    const repository = await member([{ resourceType: 'Observation', criteria: 'Observation?_compartment=Patient/x' }]);
    const observation = { resourceType: 'Observation', status: 'final', code: { text: 'x' } };
    await expect(
      repository.create(text({ ...observation, meta: { compartment: [{ reference: 'Patient/x' }] } })),
    ).rejects.toEqual(forbidden);
  });
});

describe('an AccessPolicy', () => {
  const bad = { resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient', criteria: 'active=true' }] };

  test('with criteria that do not begin with their type cannot be saved in a strict project', async () => {
    await expect(owner.create(text(bad))).rejects.toEqual(refused('invalid'));
    await expect(
      owner.create(text({ ...bad, resource: [{ resourceType: 'Patient', criteria: 'Observation?x=y' }] })),
    ).rejects.toEqual(refused('invalid'));
    const good = { ...bad, resource: [{ resourceType: 'Patient', criteria: 'Patient?active=true' }] };
    const { version } = await owner.create(text(good));
    owner = await t.repository();
    await expect(
      owner.patch('AccessPolicy', version.id, replace('/resource/0/criteria', 'active=true')),
    ).rejects.toEqual(refused('unprocessable'));
  });
});
