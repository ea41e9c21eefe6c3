/** Fields that a rule hides are in no answer, and cannot be found out by asking for them either. */
import type { JsonObject } from '#fhir';
import { parseSearchAt, type SearchRequest } from '#fhir-search';
import { historyRequest, recordAudit, searchsetBundle, subjectsOf, type ResourceRepository } from '#fhir-store';
import { rules } from './policy-rules.fixture.js';
import { aTenant, baseUrl, parse, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
let owner: ResourceRepository;

const ana: JsonObject = {
  resourceType: 'Patient',
  id: 'ana',
  active: true,
  gender: 'female',
  birthDate: '1970-01-02',
  multipleBirthInteger: 7,
  name: [{ family: 'Quay', given: ['Ana'] }],
  address: [{ city: 'Haven', postalCode: '4711' }],
  generalPractitioner: [{ reference: 'Practitioner/kim' }],
};
const note: JsonObject = {
  resourceType: 'Observation',
  id: 'note',
  status: 'final',
  code: { text: 'x' },
  subject: { reference: 'Patient/ana' },
  performer: [{ reference: 'Practitioner/kim' }],
  valueString: 'secret',
};

const { performer: _performer, ...aboutAna } = note;
/** Such a note without what the tests of searches look for. */
const filed: JsonObject = { ...aboutAna, valueString: 'quiet' };

beforeAll(async () => {
  t = await aTenant();
  owner = await t.repository();
  for (const resource of [{ resourceType: 'Practitioner', id: 'kim' }, { ...ana, active: false }, ana, note]) {
    const { resourceType, id = '' } = text(resource);
    await owner.update(resourceType, id, text(resource));
  }
});
afterAll(() => t?.close());

const member = (...rule: JsonObject[]) => t.repository({ policy: rules(rule) });
const request = (search: string): SearchRequest => {
  const at = search.indexOf('?');
  return parseSearchAt(t.tenant.version, search.slice(0, at), search.slice(at + 1), { handling: 'strict' });
};
const history = (scope: { type?: string; id?: string }) => historyRequest(scope, '', { handling: 'strict' });
const forbidden = expect.objectContaining({ category: 'forbidden' });

const hiddenFields = ['birthDate', 'address.postalCode', 'multipleBirth[x]', 'generalPractitioner', 'meta.author'];
const hiding = { resourceType: 'Patient', hiddenFields };
/** As they stand in a text: the id of the project is random, and may hold any four digits. */
const fields = /"1970["-]|"4711"|multipleBirth/;
const secrets = new RegExp(`${fields.source}|Practitioner/kim|author`);

describe('a hidden field', () => {
  test('is in no read, no version and no history, also of versions that the criteria do not match any more', async () => {
    const repository = await member({ ...hiding, criteria: 'Patient?active=true' });
    const shown = await repository.read('Patient', 'ana');
    expect(parse(shown.body)).toMatchObject({ gender: 'female', address: [{ city: 'Haven' }] });
    const one = await repository.history(history({ type: 'Patient', id: 'ana' }));
    const all = await repository.history(history({ type: 'Patient' }));
    expect(one.versions).toHaveLength(2);
    expect(all.versions).toHaveLength(2);
    const old = await repository.readVersion('Patient', 'ana', one.versions[1]?.versionId ?? '');
    expect(old.body).toContain('"active":false');
    for (const { body, extendedMeta } of [shown, old, ...one.versions, ...all.versions]) {
      expect(body + extendedMeta).not.toMatch(secrets);
    }
  });

  test('is in no answer of a search, neither as a match nor as an include, in part or in whole', async () => {
    const repository = await member(hiding, { resourceType: 'Observation' });
    const searches = [
      'Patient?',
      'Patient?_elements=birthDate,address',
      'Patient?_fields=birthDate,address',
      'Patient?_summary=true',
      'Patient?_summary=data',
      'Observation?_include=Observation:subject',
      'Observation?_include=Observation:subject&_summary=true',
      '?_id=ana',
    ];
    for (const search of searches) {
      const page = await repository.search(request(search));
      const answer = searchsetBundle(request(search), page, { baseUrl, extended: true });
      expect(answer).toContain('/Patient/ana');
      expect(answer.split('"resourceType":"Observation"')[0]).not.toMatch(fields);
    }
    const many = await repository.readMany([
      { type: 'Patient', id: 'ana' },
      { type: 'Observation', id: 'note' },
    ]);
    expect(many.get('Patient/ana')?.body).not.toMatch(secrets);
    expect(many.get('Observation/note')?.body).toContain('secret');
  });

  test('is in no read that asks for it by name, in an entry of a batch or of a transaction', async () => {
    const repository = await member(hiding);
    const urls = ['Patient/ana?_elements=birthDate,gender,multipleBirth', 'Patient/ana?_summary=data'];
    for (const type of ['batch', 'transaction']) {
      const entry = urls.map((url) => ({ request: { method: 'GET', url } }));
      const answer = await repository.processBundle(JSON.stringify({ resourceType: 'Bundle', type, entry }), baseUrl);
      expect(answer).toContain('"gender":"female"');
      expect(answer).toContain('SUBSETTED');
      expect(answer).not.toMatch(secrets);
    }
  });

  test('is told by no search for what stands inside it', async () => {
    const repository = await member({ resourceType: 'Bundle', hiddenFields: ['entry'] });
    for (const search of ['Bundle?composition=c', 'Bundle?composition.title=x', 'Bundle?message.event:missing=true']) {
      await expect(repository.search(request(search))).rejects.toEqual(forbidden);
    }
  });

  test('of a rule for searching alone is hidden in searches alone', async () => {
    const repository = await member(
      { ...hiding, interaction: ['search'] },
      { resourceType: 'Patient', interaction: ['read'] },
    );
    expect((await repository.read('Patient', 'ana')).body).toMatch(fields);
    expect((await repository.search(request('Patient?_id=ana'))).hits[0]?.body).not.toMatch(fields);
  });

  test('depends on the first rule that grants the interaction on the resource', async () => {
    const open = { resourceType: 'Patient', criteria: 'Patient?family=nobody' };
    expect((await (await member(open, hiding)).read('Patient', 'ana')).body).not.toMatch(fields);
    const first = { resourceType: 'Patient', criteria: 'Patient?family=quay' };
    expect((await (await member(first, hiding)).read('Patient', 'ana')).body).toMatch(fields);
    expect((await (await member(first, hiding)).search(request('Patient?_id=ana'))).hits[0]?.body).toMatch(fields);
  });

  test('of what is brought along by reference is hidden by the rule of its own type', async () => {
    const repository = await member(
      { resourceType: 'Patient' },
      { resourceType: 'Observation', hiddenFields: ['value[x]'] },
    );
    const { included } = await repository.search(request('Patient?_id=ana&_revinclude=Observation:subject'));
    expect(included.map(({ id }) => id)).toEqual(['note']);
    expect(included[0]?.body).not.toContain('secret');
  });

  test('is in no answer of a batch', async () => {
    const entry = ['Patient/ana', 'Patient?_id=ana', 'Patient/ana/_history'].map((url) => ({
      request: { method: 'GET', url },
    }));
    const bundle = { resourceType: 'Bundle', type: 'batch', entry };
    const answer = await (await member(hiding)).processBundle(JSON.stringify(bundle), baseUrl);
    expect(answer.split('"status":"200"').length).toBeGreaterThan(3);
    expect(answer).not.toMatch(fields);
  });
});

describe('a hidden reference to a patient', () => {
  const observations = { resourceType: 'Observation', hiddenFields: ['subject'] };
  const seen = (...rule: JsonObject[]) => member({ resourceType: 'Patient' }, ...rule);

  test('is not shown by meta.compartment, in reads, searches, versions, histories and the answer to a write', async () => {
    const repository = await seen(observations);
    const one = await repository.history(history({ type: 'Observation', id: 'note' }));
    const all = await repository.history(history({ type: 'Observation' }));
    const { subject: _, ...shownNote } = note;
    const shown = [
      await repository.read('Observation', 'note'),
      ...(await repository.search(request('Observation?_id=note'))).hits,
      await repository.readVersion('Observation', 'note', one.versions[0]?.versionId ?? ''),
      ...one.versions,
      ...all.versions,
      (await repository.update('Observation', 'note', text(shownNote))).version,
    ];
    expect(shown.length).toBeGreaterThanOrEqual(6);
    for (const { extendedMeta, body } of shown) {
      expect(body + extendedMeta).not.toContain('Patient/ana');
      expect(extendedMeta).toContain('"project"');
    }
    expect((await owner.read('Observation', 'note')).extendedMeta).toContain('Patient/ana');
  });

  test.each([['subject'], ['meta']])(
    'is told to the audit all the same, when it is %s that is hidden',
    async (path) => {
      const repository = await seen({ resourceType: 'Observation', hiddenFields: [path] });
      const shown = await repository.read('Observation', 'note');
      const one = await repository.history(history({ type: 'Observation', id: 'note' }));
      const all = await repository.history(history({ type: 'Observation' }));
      const found = await repository.search(request('Observation?_id=note&_summary=data'));
      const listed = await repository.readMany([{ type: 'Observation', id: 'note' }]);
      for (const versions of [[shown], one.versions, all.versions, found.hits, listed.values()]) {
        expect(subjectsOf(versions)).toBe('Patient/ana');
      }
      const entry = ['Observation/note', 'Observation?_id=note', 'Observation/note/_history'].map((url) => ({
        request: { method: 'GET', url },
      }));
      for (const type of ['batch', 'transaction']) {
        const subjects: string[] = [];
        const onRead = (_entity: string, _outcome: string, whose: string) => void subjects.push(whose);
        await repository.processBundle(JSON.stringify({ resourceType: 'Bundle', type, entry }), baseUrl, { onRead });
        expect(subjects).toEqual(['Patient/ana', 'Patient/ana', 'Patient/ana']);
      }
    },
  );

  test('takes the patients alone out of it: accounts stay, and a Patient stays in its own', async () => {
    const account = { reference: 'Organization/quay' };
    const { performer: _, ...rest } = note;
    const filed = { ...rest, valueString: 'filed', meta: { accounts: [account] } };
    const { version } = await owner.create(text(filed), { accounts: [account.reference] });
    const shown = await (await seen(observations)).read('Observation', version.id);
    expect(shown.extendedMeta).toContain('"compartment":[{"reference":"Organization/quay"}]');
    const linked = await member({ resourceType: 'Patient', hiddenFields: ['link'] });
    expect((await linked.read('Patient', 'ana')).extendedMeta).toContain('"compartment":[{"reference":"Patient/ana"}]');
  });

  test('cannot be found by _compartment, which still finds what an organization has', async () => {
    const repository = await seen(observations);
    for (const search of ['_compartment=Patient/ana', '_compartment:not=Patient/ana', '_compartment=ana']) {
      await expect(repository.search(request(`Observation?${search}`))).rejects.toEqual(forbidden);
      await expect(repository.search(request(`Patient?_has:Observation:performer:${search}`))).rejects.toEqual(
        forbidden,
      );
    }
    await expect(repository.search(request('Observation?_compartment=Organization/a,Patient/ana'))).rejects.toEqual(
      forbidden,
    );
    await expect(repository.search(request('Observation?_compartment=Organization/a'))).resolves.toBeDefined();
    const other = await seen({ resourceType: 'Observation', hiddenFields: ['value[x]'] });
    await expect(other.search(request('Observation?_compartment=Patient/ana'))).resolves.toBeDefined();
  });
});

describe('where the accounts of a resource are hidden', () => {
  const account = 'Organization/harbour';
  let id: string;
  beforeAll(async () => {
    ({ id } = (
      await owner.create(text({ ...filed, id: undefined, valueString: 'quiet' }), { accounts: [account] })
    ).version);
  });

  test.each([['meta.accounts'], ['meta.account'], ['Observation.meta.accounts.reference']])(
    'by %s, nothing else in meta tells them, and the patients stay',
    async (path) => {
      const repository = await member({ resourceType: 'Observation', hiddenFields: [path] });
      const one = await repository.history(history({ type: 'Observation', id }));
      const changed = await repository.update('Observation', id, text({ ...filed, id, valueString: `filed ${path}` }));
      const shown = [
        await repository.read('Observation', id),
        ...(await repository.search(request(`Observation?_id=${id}`))).hits,
        ...one.versions,
        changed.version,
      ];
      expect(shown.length).toBeGreaterThanOrEqual(4);
      for (const { body, extendedMeta } of shown) {
        expect(body + extendedMeta).not.toContain('harbour');
        expect(extendedMeta).toContain('"compartment":[{"reference":"Patient/ana"}]');
      }
      expect((await owner.read('Observation', id)).body).toContain(`"accounts":[{"reference":"${account}"}]`);
    },
  );

  test('they cannot be asked for by _compartment, which still finds what a patient has', async () => {
    const repository = await member({ resourceType: 'Observation', hiddenFields: ['meta.accounts'] });
    for (const search of [account, 'harbour', `Patient/ana,${account}`]) {
      await expect(repository.search(request(`Observation?_compartment=${search}`))).rejects.toEqual(forbidden);
      await expect(repository.search(request(`Observation?_compartment:not=${search}`))).rejects.toEqual(forbidden);
    }
    await expect(repository.search(request('Observation?_compartment=Patient/ana'))).resolves.toBeDefined();
    const other = await member({ resourceType: 'Observation', hiddenFields: ['meta.accounts.display'] });
    await expect(other.search(request(`Observation?_compartment=${account}`))).resolves.toBeDefined();
  });

  test('a policy may still ask for them itself', async () => {
    const criteria = `Observation?_compartment=${account}`;
    const repository = await member({ resourceType: 'Observation', criteria, hiddenFields: ['meta.accounts'] });
    expect((await repository.search(request('Observation?'))).hits.map((hit) => hit.id)).toEqual([id]);
  });

  test('an administrator who cannot see them neither takes them away nor sets them', async () => {
    const policy = rules([{ resourceType: 'Observation', hiddenFields: ['meta.accounts'] }], { admin: true });
    const admin = await t.repository({ policy, extended: true });
    const others = [{ reference: 'Organization/other' }];
    await admin.update(
      'Observation',
      id,
      text({ ...filed, id, valueString: 'by an admin', meta: { accounts: others } }),
    );
    const accountsOf = async (which: string) => parse((await owner.read('Observation', which)).body)['meta'];
    expect(await accountsOf(id)).toMatchObject({ accounts: [{ reference: account }] });
    const { version } = await admin.create(text({ ...filed, id: undefined, meta: { accounts: others } }), {
      accounts: ['Organization/other'],
    });
    expect(await accountsOf(version.id)).not.toHaveProperty('accounts');
  });
});

test('an administrator who cannot see a field and sends no meta takes no accounts away', async () => {
  const { version } = await owner.create(text({ ...filed, id: undefined }), { accounts: ['Organization/harbour'] });
  const policy = rules([{ resourceType: 'Observation', hiddenFields: ['valueString'] }], { admin: true });
  const admin = await t.repository({ policy, extended: true });
  const { id } = version;
  const changed = await admin.update('Observation', id, text({ ...filed, id, code: { text: 'y' }, meta: undefined }));
  expect(changed.version.body).toContain('"accounts":[{"reference":"Organization/harbour"}]');
});

describe('the audit of a resource', () => {
  const entry = { action: 'R', outcome: 'success', agent: 'Practitioner/kim', requestId: 'r' } as const;
  const subjects = 'Patient/ana Organization/harbour';
  const audit = { resourceType: 'AuditEvent' };
  const events = async (by: ResourceRepository, query: string) => {
    const { hits } = await by.search(request(`AuditEvent?agent=Practitioner/kim&${query}`));
    const read = await Promise.all(hits.map(({ id }) => by.read('AuditEvent', id)));
    expect(read.map(({ body }) => body)).toEqual(hits.map(({ body }) => body));
    return hits.map(({ body, extendedMeta }) => body + extendedMeta);
  };
  const about = ['Observation/note', 'Observation?_id=note&subject=Patient/ana', '_history', 'Device?_revinclude=x'];

  beforeAll(() =>
    t.tenant.use((connection) =>
      recordAudit(
        connection,
        [...about, 'Patient/ana', 'Device/d'].map((entity) => ({ ...entry, entity, subjects })),
      ),
    ),
  );

  test('tells no patient to whom a reference leads that is hidden, and cannot be asked for one', async () => {
    const repository = await member(audit, { resourceType: 'Observation', hiddenFields: ['subject'] });
    const shown = await events(repository, '_sort=date');
    expect(shown.map((event) => event.includes('Patient/ana'))).toEqual([false, false, false, false, true, true]);
    for (const event of shown) expect(event).toContain('Organization/harbour');
    expect(shown.join()).not.toContain(Buffer.from('subject=Patient/ana').toString('base64').slice(0, 12));
    expect(await events(repository, 'patient=Patient/ana')).toHaveLength(2);
    expect(await events(repository, '_compartment=Patient/ana')).toHaveLength(2);
    expect(await events(repository, 'entity=Observation/note')).toHaveLength(1);
    expect(await events(owner, 'patient=Patient/ana')).toHaveLength(6);
  });

  test('is not shown by a rule about the patient, which would tell it', async () => {
    const repository = await member(
      { ...audit, criteria: 'AuditEvent?patient=Patient/ana' },
      { resourceType: 'Observation', hiddenFields: ['subject'] },
    );
    expect(await events(repository, '')).toHaveLength(2);
    const [hidden] = (await owner.search(request('AuditEvent?entity=Observation/note&agent=Practitioner/kim'))).hits;
    await expect(repository.read('AuditEvent', hidden?.id ?? '')).rejects.toEqual(forbidden);
  });

  test('tells no account that is hidden', async () => {
    const repository = await member(audit, { resourceType: 'Observation', hiddenFields: ['meta.accounts'] });
    const shown = await events(repository, '_sort=date');
    expect(shown.map((event) => event.includes('harbour'))).toEqual([false, false, false, false, true, true]);
    for (const event of shown) expect(event).toContain('Patient/ana');
  });

  test('tells whose data it was to those from whom nothing is hidden, also without a right to it', async () => {
    const shown = await events(await member(audit), '');
    for (const event of shown) expect(event).toMatch(/Patient\/ana.*Organization\/harbour/);
    expect(shown).toHaveLength(6);
  });
});

describe('a hidden field cannot be guessed', () => {
  test.each([
    'Patient?birthdate=1970-01-02',
    'Patient?birthdate:missing=true',
    'Patient?_sort=birthdate',
    'Patient?_sort=family,-birthdate',
    'Patient?_filter=birthdate eq 1970-01-02',
    'Patient?_filter=not (family eq "x" or birthdate gt 1960)',
    'Patient?address=4711',
    'Patient?address-postalcode=4711',
    'Patient?general-practitioner=Practitioner/kim',
    'Patient?general-practitioner.name=x',
    'Patient?_content=4711',
    'Patient?_include=Patient:general-practitioner',
    'Patient?_include=Patient:*',
    'Patient?_include=*',
    'Practitioner?_revinclude=Patient:general-practitioner',
    'Practitioner?_has:Patient:general-practitioner:family=quay',
    'Practitioner/kim/Patient?',
    'Observation?subject:Patient.birthdate=1970-01-02',
    'Observation?patient.general-practitioner=Practitioner/kim',
    'Practitioner?_has:Observation:performer:patient.birthdate=1970-01-02',
    'Observation?_include=Observation:subject&_include:iterate=Patient:general-practitioner',
    '?_type=Patient&_content=4711',
  ])('by %s', async (search) => {
    const repository = await member(hiding, { resourceType: 'Observation' }, { resourceType: 'Practitioner' });
    await expect(repository.search(request(search))).rejects.toEqual(forbidden);
    await expect(owner.search(request(search))).resolves.toBeDefined();
  });

  test.each([
    'Patient?family=quay',
    'Patient?gender=female&_sort=family',
    'Patient?address-city=haven',
    'Patient?_text=x',
    'Observation?subject:Patient.family=quay',
    'Observation?subject=Patient/ana&_include=Observation:subject',
    'Patient?_has:Observation:subject:status=final',
  ])('while %s is answered', async (search) => {
    const repository = await member(hiding, { resourceType: 'Observation' }, { resourceType: 'Practitioner' });
    await expect(repository.search(request(search))).resolves.toBeDefined();
  });

  test('by a search over all types: one of which it would tell something is left out', async () => {
    const repository = await member(hiding, { resourceType: 'Observation' });
    const { hits } = await repository.search(request('?_content=4711,secret'));
    expect(hits.map(({ id }) => id)).toEqual(['note']);
    const compartment = await repository.search(request('Practitioner/kim/*?'));
    expect(compartment.hits.map(({ id }) => id)).toEqual(['note']);
  });

  test('by what is hidden from searching, while reading alone hides nothing of it', async () => {
    const repository = await member(
      { ...hiding, interaction: ['read'] },
      { resourceType: 'Patient', interaction: ['search'] },
    );
    await expect(repository.search(request('Patient?birthdate=1970-01-02'))).resolves.toBeDefined();
  });

  test('by criteria of a conditional interaction', async () => {
    const repository = await member(hiding);
    const one = text({ resourceType: 'Patient' });
    await expect(repository.create(one, { ifNoneExist: 'birthdate=1970-01-02' })).rejects.toEqual(forbidden);
    await expect(repository.conditionalUpdate('Patient', 'birthdate=1970-01-02', one)).rejects.toEqual(forbidden);
    await expect(repository.conditionalDelete('Patient', 'address-postalcode=4711')).rejects.toEqual(forbidden);
  });
});
