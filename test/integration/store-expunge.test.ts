/** `$expunge`: resources that are gone as if they had never been. */
import { policyByType } from '#access-policy';
import type { JsonObject } from '#fhir';
import { historyRequest, type ResourceRepository } from '#fhir-store';
import { anObservation, asMember } from './accounts.fixture.js';
import { aPatient, aTenant, memberPolicy, parse, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
let repository: ResourceRepository;
beforeAll(async () => {
  t = await aTenant();
});
beforeEach(async () => {
  repository = await t.repository();
});
afterAll(() => t?.close());

const only = { everything: false };
const everything = { everything: true };
const notFound = { category: 'not-found' };
const forbidden = { category: 'forbidden' };
const idOf = async (resource: ReturnType<typeof text>) => (await repository.create(resource)).version.id;
const aboutPatient = (id: string, more: JsonObject = {}) => anObservation(`Patient/${id}`, more);

/** How many rows there are with these words in them, in any table, but for the audit. */
async function traces(word: string): Promise<number> {
  const tables = ['resource', 'resource_history', 'resource_string', 'resource_text', 'resource_reference'];
  const counts = await Promise.all(
    tables.map((name) =>
      t.rows<{ count: string }>(`SELECT count(*) FROM ${name} x WHERE x::text ILIKE '%' || $1::text || '%'`, word),
    ),
  );
  return counts.reduce((sum, [row]) => sum + Number(row?.count), 0);
}

const auditOf = (entity: string) =>
  t.rows<{ action: string; agent: string; detail: string; subjects: string }>(
    `SELECT action::text, agent, detail, subjects FROM audit_event WHERE entity = $1 AND detail IS NOT NULL`,
    entity,
  );

describe('a resource that is expunged', () => {
  it('is gone with all versions and all that it was found by', async () => {
    const id = await idOf(aPatient({ name: [{ family: 'Vanishing' }] }));
    await repository.update('Patient', id, aPatient({ id, name: [{ family: 'Vanishing', given: ['Twice'] }] }));
    const { versionId } = await repository.read('Patient', id);
    expect(await traces('vanishing')).toBeGreaterThan(2);
    expect(await repository.expunge('Patient', id, only)).toBe(1);
    expect(await traces('vanishing')).toBe(0);
    const left = await t.rows(
      `SELECT 1 FROM resource_history h WHERE NOT EXISTS (SELECT 1 FROM resource r WHERE r.id = h.resource_id)`,
    );
    expect(left).toEqual([]);
    await expect(repository.read('Patient', id)).rejects.toMatchObject(notFound);
    await expect(repository.readVersion('Patient', id, versionId)).rejects.toMatchObject(notFound);
    await expect(repository.history(historyRequest({ type: 'Patient', id }, ''))).rejects.toMatchObject(notFound);
    await expect(repository.expunge('Patient', id, only)).rejects.toMatchObject(notFound);
  });

  it('may have been deleted before', async () => {
    const id = await idOf(aPatient({ name: [{ family: 'Deletedfirst' }] }));
    await repository.delete('Patient', id);
    expect(await repository.expunge('Patient', id, only)).toBe(1);
    expect(await traces('deletedfirst')).toBe(0);
  });

  it('is recorded in the audit, by whom and of whose chart, and with no content', async () => {
    const patient = await idOf(aPatient());
    const id = await idOf(aboutPatient(patient, { note: [{ text: 'Contentofthis' }] }));
    await repository.expunge('Observation', id, only);
    expect(await auditOf(`Observation/${id}`)).toEqual([
      {
        action: 'D',
        agent: 'ClientApplication/test',
        detail: 'expunged with all versions',
        subjects: `Patient/${patient}`,
      },
    ]);
    expect(await t.rows(`SELECT 1 FROM audit_event a WHERE a::text LIKE '%Contentofthis%'`)).toEqual([]);
    expect(await t.rows(`SELECT verify_audit() AS broken`)).toEqual([{ broken: null }]);
  });

  it('leaves no gap in the pages of a history, and the numbers of versions go on', async () => {
    const before = Number((await repository.read('Patient', await idOf(aPatient()))).versionId);
    const ids = await Promise.all(
      [1, 2, 3, 4, 5].map(() => idOf(text({ resourceType: 'Basic', code: { text: 'x' } }))),
    );
    const page = (cursor?: string) =>
      repository.history(historyRequest({ type: 'Basic' }, `_count=2${cursor ? `&_cursor=${cursor}` : ''}`));
    const first = await page();
    const [gone = '', ...kept] = ids.filter((id) => !first.versions.some((version) => version.id === id));
    await repository.expunge('Basic', gone, only);
    const second = await page(first.next);
    expect(second.versions.map(({ id }) => id).sort()).toEqual(kept.sort());
    expect(second.next).toBeUndefined();
    expect(Number((await repository.read('Patient', await idOf(aPatient()))).versionId)).toBeGreaterThan(before + 5);
  });

  it('can be made anew under its id, with nothing of what it was', async () => {
    const id = await idOf(aPatient({ name: [{ family: 'Former' }] }));
    await repository.expunge('Patient', id, only);
    await repository.update('Patient', id, aPatient({ id, name: [{ family: 'Newcomer' }] }));
    const { versions, total } = await repository.history(historyRequest({ type: 'Patient', id }, ''));
    expect([total, versions.map(({ body }) => body.includes('Former'))]).toEqual([1, [false]]);
  });

  it('does not come back by a writer who was under way', async () => {
    const id = await idOf(aPatient());
    const member = await t.repository({ policy: memberPolicy });
    const writes = Array.from({ length: 8 }, (_, n) =>
      member.update('Patient', id, aPatient({ id, birthDate: `200${n}-01-01` })).then(
        () => 'written',
        (error: { category: string }) => error.category,
      ),
    );
    await repository.expunge('Patient', id, only);
    expect(
      [...new Set(await Promise.all(writes))].filter((result) => !['written', 'not-found'].includes(result)),
    ).toEqual([]);
    await expect(repository.read('Patient', id)).rejects.toMatchObject(notFound);
    expect(
      await t.rows(`SELECT 1 FROM resource_history h LEFT JOIN resource r ON r.id = h.resource_id WHERE r.id IS NULL`),
    ).toEqual([]);
  });
});

describe('a chart that is expunged', () => {
  it('goes with the patient: what is in it, what was in it when it was deleted, and its files', async () => {
    const patient = await idOf(aPatient());
    const other = await idOf(aPatient());
    const kept = [await idOf(aboutPatient(other)), await idOf(text({ resourceType: 'Basic', code: { text: 'x' } }))];
    const many = await Promise.all(Array.from({ length: 130 }, () => idOf(aboutPatient(patient))));
    const deleted = await idOf(aboutPatient(patient, { note: [{ text: 'Deletednote' }] }));
    await repository.delete('Observation', deleted);
    const file = (of: string) =>
      idOf(
        text({
          resourceType: 'Binary',
          contentType: 'text/plain',
          securityContext: { reference: `Patient/${of}` },
          data: 'eA==',
        }),
      );
    const [own, foreign] = [await file(patient), await file(other)];
    const event = await idOf(
      text({
        resourceType: 'AuditEvent',
        type: { code: 'device' },
        recorded: '2020-06-01T00:00:00Z',
        agent: [{ who: { reference: `Patient/${patient}` }, requestor: true }],
        source: { observer: { display: 'A device' } },
      }),
    );
    expect(await repository.expunge('Patient', patient, everything)).toBe(many.length + 3);
    const ids = [...many, deleted, own, patient];
    expect(await t.rows('SELECT fhir_id FROM resource WHERE fhir_id = ANY ($1::text[])', ids)).toEqual([]);
    expect(await traces('deletednote')).toBe(0);
    for (const id of [kept[0], foreign, event, other, kept[1]]) {
      expect(await t.rows('SELECT 1 AS there FROM resource WHERE fhir_id = $1', id)).toEqual([{ there: 1 }]);
    }
    expect(await auditOf(`Observation/${many[7]}`)).toHaveLength(1);
    await expect((await t.repository()).expunge('Patient', patient, everything)).rejects.toMatchObject(notFound);
  });

  it('stays whole when one resource in it may not be deleted by whoever asks', async () => {
    const patient = await idOf(aPatient());
    const observation = await idOf(aboutPatient(patient, { status: 'final' }));
    const condition = await idOf(text({ resourceType: 'Condition', subject: { reference: `Patient/${patient}` } }));
    const resource = [
      { resourceType: 'Patient' },
      { resourceType: 'Condition' },
      { resourceType: 'Observation', criteria: 'Observation?status=preliminary' },
    ];
    const limited = await asMember(t, { admin: true, policy: { resource } });
    await expect(limited.expunge('Patient', patient, everything)).rejects.toMatchObject(forbidden);
    for (const [type, id] of [
      ['Patient', patient],
      ['Observation', observation],
      ['Condition', condition],
    ] as const) {
      expect((await repository.read(type, id)).id).toBe(id);
    }
  });

  it('goes however much of other charts was deleted that names the patient', async () => {
    const [patient, other] = [await idOf(aPatient()), await idOf(aPatient())];
    const byPatient = await t.repository({ author: `Patient/${patient}` });
    const { version } = await byPatient.create(aboutPatient(other));
    await repository.delete('Observation', version.id);
    const [deleted] = await t.rows<{ meta: string }>(
      'SELECT extended_meta AS meta FROM resource WHERE fhir_id = $1',
      version.id,
    );
    expect(deleted?.meta).toContain(`"reference":"Patient/${patient}"`);
    await t.rows(
      `INSERT INTO resource (id, type, fhir_id, version, last_updated, deleted, body, extended_meta, self)
       SELECT n.id, r.type, r.fhir_id || '-' || n.id, n.id, r.last_updated, true, '', r.extended_meta, gen_random_uuid()
       FROM resource r, (SELECT nextval('version_seq') AS id FROM generate_series(1, 110)) n WHERE r.fhir_id = $1`,
      version.id,
    );
    const own = await idOf(aboutPatient(patient));
    expect(await repository.expunge('Patient', patient, everything)).toBe(2);
    const left = await t.rows('SELECT 1 FROM resource WHERE fhir_id = ANY ($1::text[])', [own, patient]);
    expect(left).toEqual([]);
    expect(await t.rows(`SELECT count(*)::int FROM resource WHERE fhir_id LIKE $1 || '%'`, version.id)).toEqual([
      { count: 111 },
    ]);
  });

  it('is a Patient’s alone', async () => {
    const id = await idOf(text({ resourceType: 'Basic', code: { text: 'x' } }));
    await expect(repository.expunge('Basic', id, everything)).rejects.toMatchObject({ category: 'invalid' });
  });
});

describe('expunging', () => {
  it('is for project admins, and they learn of others nothing', async () => {
    const id = await idOf(aPatient());
    const member = await t.repository({ policy: memberPolicy });
    for (const other of [id, 'nobody']) {
      await expect(member.expunge('Patient', other, only)).rejects.toMatchObject(forbidden);
    }
    const without = await t.repository({
      policy: policyByType((interaction) => interaction !== 'delete', {
        reason: 'test: no deletions',
        projectAdmin: true,
      }),
    });
    await expect(without.expunge('Patient', id, only)).rejects.toMatchObject(forbidden);
    expect((await repository.read('Patient', id)).id).toBe(id);
  });

  it.each(['Project', 'Login', 'AuditEvent'])('is refused for %s, by the database too', async (type) => {
    const asAdmin = await t.repository({
      policy: policyByType(() => true, { reason: 'test: an admin', projectAdmin: true }),
    });
    await expect(asAdmin.expunge(type, 'any', only)).rejects.toMatchObject(forbidden);
    const [made] = await t.rows<{ id: string }>(
      `INSERT INTO resource (id, type, fhir_id, version, last_updated, body, self)
       SELECT n, $1, $1 || 'x', n, now(), '{}', gen_random_uuid() FROM nextval('version_seq') n RETURNING id`,
      type,
    );
    await expect(t.rows('SELECT expunge_resources(ARRAY[$1::bigint])', made?.id)).rejects.toThrow('not removed');
  });

  it('is refused for the own membership and for events of the server’s audit', async () => {
    const own = await t.repository({ membership: 'ProjectMembership/own' });
    await expect(own.expunge('ProjectMembership', 'own', only)).rejects.toMatchObject(forbidden);
    await expect(repository.expunge('AuditEvent', 'audit-1-1', only)).rejects.toMatchObject(forbidden);
  });

  it('of what carries rights ends them with the next request', async () => {
    const id = await idOf(text({ resourceType: 'AccessPolicy', name: 'x' }));
    const holder = await t.repository();
    const before = await t.epoch();
    await (await t.repository()).expunge('AccessPolicy', id, only);
    expect(Number(await t.epoch())).toBe(Number(before) + 1);
    await expect(holder.read('Patient', 'any')).rejects.toMatchObject({ name: 'StaleRights' });
  });

  it('of a patient without the chart leaves the rest, and files of a patient who is gone can be expunged', async () => {
    const patient = await idOf(aPatient());
    const observation = await idOf(aboutPatient(patient));
    const binary = await idOf(
      text({ resourceType: 'Binary', contentType: 'text/plain', securityContext: { reference: `Patient/${patient}` } }),
    );
    expect(await repository.expunge('Patient', patient, only)).toBe(1);
    expect(parse((await repository.read('Observation', observation)).body)).toMatchObject({
      subject: { reference: `Patient/${patient}` },
    });
    await expect(repository.read('Binary', binary)).rejects.toMatchObject(forbidden);
    expect(await repository.expunge('Binary', binary, only)).toBe(1);
  });
});
