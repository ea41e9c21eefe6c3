/** Where written resources are filed: `meta.accounts`, `meta.account`, `meta.compartment`, and foreign charts. */
import { jsonPatch, type JsonObject } from '#fhir';
import { parseSearch } from '#fhir-search';
import { ResourceRepository, tenantDatabase, type TenantDatabase } from '#fhir-store';
import type { Connection } from '#postgres';
import {
  accountsOf,
  admin,
  anObservation,
  asMember,
  compartmentOf,
  extendedMetaOf,
  filedUnder,
  policyOfMember,
  type TestMember,
} from './accounts.fixture.js';
import { aPatient, aTenant, baseUrl, parse, text, type TestTenant } from './store.fixture.js';

let tenant: TestTenant;
beforeAll(async () => {
  tenant = await aTenant();
});
afterAll(() => tenant?.close());

/** Sees and writes everything, and files what they make under A, or under B if they say so. */
const memberOfAandB: TestMember = {
  policy: { compartment: { reference: '%organization' }, resource: [{ resourceType: '*' }] },
  parameters: { organization: ['Organization/a', 'Organization/b'] },
};
const memberOfC: TestMember = { ...memberOfAandB, parameters: { organization: ['Organization/c'] } };
/** Sees the patients of A alone, and writes whatever they like. */
const clinicianOfA: TestMember = {
  policy: {
    resource: [
      { resourceType: 'Patient', criteria: 'Patient?_compartment=%organization' },
      { resourceType: 'Observation' },
      { resourceType: 'Basic' },
    ],
  },
  parameters: { organization: ['Organization/a'] },
};

const as = (member: TestMember, extended = true): Promise<ResourceRepository> => asMember(tenant, member, extended);

/** A patient with these accounts; returns `Patient/id`. */
async function patientOf(...accounts: string[]): Promise<string> {
  const { version } = await (await as(admin)).create(aPatient({ meta: filedUnder(...accounts) }));
  return `Patient/${version.id}`;
}

const subject = (reference: string) => ({ subject: { reference } });

describe('the accounts of what a project admin writes in extended mode', () => {
  it('are those in meta.accounts, shown in the body', async () => {
    const { version } = await (
      await as(admin)
    ).create(aPatient({ meta: filedUnder('Organization/a', 'Organization/b') }));
    expect(parse(version.body).meta).toMatchObject(filedUnder('Organization/a', 'Organization/b'));
    expect(compartmentOf(version)).toEqual(['Organization/a', 'Organization/b', `Patient/${version.id}`]);
  });

  it('are a lone meta.account as a list of one, and meta.account is always the first of the list', async () => {
    const account = { reference: 'Organization/a', display: 'A' };
    const { version } = await (await as(admin)).create(aPatient({ meta: { account } }));
    expect(parse(version.body).meta).toMatchObject({ accounts: [account] });
    expect(parse(version.body).meta).not.toHaveProperty('account');
    expect(extendedMetaOf(version).account).toEqual(account);
  });

  it('are none when meta says none, even for the patients the resource is about', async () => {
    const patient = await patientOf('Organization/a');
    const { version } = await (await as(admin)).create(anObservation(patient, { meta: {} }));
    expect(accountsOf(version)).toEqual([]);
    const filed = await (await as(admin)).create(anObservation(patient, { meta: filedUnder('Organization/b') }));
    const update = anObservation(patient, { id: filed.version.id, meta: { tag: [{ code: 't' }] } });
    const { version: emptied } = await (await as(admin)).update('Observation', filed.version.id, update);
    expect(accountsOf(emptied)).toEqual([]);
  });

  it('follow the rules of everybody when there is no meta', async () => {
    const patient = await patientOf('Organization/a');
    const { version } = await (await as(admin)).create(anObservation(patient));
    expect(accountsOf(version)).toEqual(['Organization/a']);
  });

  it('follow the rules of everybody without extended mode', async () => {
    const patient = await patientOf('Organization/a');
    const sent = anObservation(patient, { meta: filedUnder('Organization/b') });
    const { version } = await (await as(admin, false)).create(sent);
    expect(accountsOf(version)).toEqual(['Organization/a']);
  });

  it('must be references, or the write is refused with 400', async () => {
    const sent = aPatient({ meta: { accounts: [{ reference: 'nonsense' }] } });
    await expect((await as(admin)).create(sent)).rejects.toMatchObject({ category: 'invalid' });
  });

  it('can be named in the query of a create, as POST Type?_account=', async () => {
    const accounts = ['Organization/a'];
    const { version } = await (await as(admin, false)).create(aPatient(), { accounts });
    expect(accountsOf(version)).toEqual(accounts);
    const others = await (await as(memberOfC)).create(aPatient(), { accounts });
    expect(accountsOf(others.version)).toEqual(['Organization/c']);
  });

  it('are changed by a patch of meta.accounts', async () => {
    const patient = await patientOf('Organization/a');
    const [, id = ''] = patient.split('/');
    const patch = jsonPatch('[{"op":"add","path":"/meta/accounts/-","value":{"reference":"Organization/b"}}]');
    const { version } = await (await as(admin)).patch('Patient', id, patch);
    expect(accountsOf(version)).toEqual(['Organization/a', 'Organization/b']);
    const refused = await (await as({})).patch('Patient', id, jsonPatch('[{"op":"remove","path":"/meta/accounts"}]'));
    expect(accountsOf(refused.version)).toEqual(['Organization/a', 'Organization/b']);
  });
});

describe('the accounts of what a project admin writes whose log-in has scopes', () => {
  const scoped = (scope: string, extended = true) => as({ admin: true, scope }, extended);

  it.each(['user/Observation.cu', 'system/*.read system/*.write', 'system/Observation.cru?status=final'])(
    'are those that are sent where the scopes grant the write: %s',
    async (scope) => {
      const patient = await patientOf('Organization/a');
      const repository = await scoped(scope);
      const { version } = await repository.create(anObservation(patient, { meta: filedUnder('Organization/b') }));
      expect(accountsOf(version)).toEqual(['Organization/b']);
      const { id } = version;
      const moved = anObservation(patient, { id, meta: filedUnder('Organization/c') });
      await repository.update('Observation', id, moved);
      expect(accountsOf(await (await as(admin)).read('Observation', id))).toEqual(['Organization/c']);
      const accounts = ['Organization/d'];
      const named = await (await scoped(scope, false)).create(anObservation(patient), { accounts });
      expect(accountsOf(named.version)).toEqual(accounts);
    },
  );

  it('cannot be a patient, by which everything would be in the one chart that the scopes are for', async () => {
    const [own, other] = [await patientOf('Organization/a'), await patientOf('Organization/a')];
    const repository = await scoped(`user/Observation.cu?_compartment=${own}`);
    const meta = filedUnder(own);
    await expect(repository.create(anObservation(other, { meta }))).rejects.toMatchObject({ category: 'forbidden' });
    await expect(repository.create(anObservation(other), { accounts: [own] })).rejects.toMatchObject({
      category: 'forbidden',
    });
    expect((await repository.create(anObservation(own, { meta: filedUnder('Organization/b') }))).created).toBe(true);
    expect(accountsOf((await (await as(admin)).create(anObservation(other, { meta }))).version)).toEqual([own]);
  });

  it('are changed by none of the routes for administrators', async () => {
    const patient = await patientOf('Organization/a');
    const [, id = ''] = patient.split('/');
    const request = { accounts: [{ reference: 'Organization/b' }], propagate: false };
    const repository = await scoped('user/Patient.cruds system/*.read system/*.write');
    await expect(repository.setAccounts('Patient', id, request)).rejects.toMatchObject({ category: 'forbidden' });
  });
});

describe('the accounts of what a member creates', () => {
  it('are the first of the policy, and those of all patients it is about', async () => {
    const one = await patientOf('Organization/c', 'Organization/a');
    const other = await patientOf('Organization/d');
    const sent = anObservation(one, { performer: [{ reference: other }] });
    const { version } = await (await as(memberOfAandB)).create(sent);
    expect(accountsOf(version)).toEqual(['Organization/a', 'Organization/c', 'Organization/d']);
    expect(compartmentOf(version)).toEqual(['Organization/a', 'Organization/c', 'Organization/d', one, other]);
  });

  it('are those of the policy that they name, and whatever else they name is ignored', async () => {
    const meta = filedUnder('Organization/x', 'Organization/b');
    const { version } = await (
      await as(memberOfAandB)
    ).create(text({ resourceType: 'Questionnaire', status: 'draft', meta }));
    expect(accountsOf(version)).toEqual(['Organization/b']);
    const forged = await (await as(memberOfC)).create(aPatient({ meta: filedUnder('Organization/a') }));
    expect(accountsOf(forged.version)).toEqual(['Organization/c']);
  });

  it('are none without accounts in the policy and patients', async () => {
    const meta = { ...filedUnder('Organization/a'), compartment: [{ reference: 'Organization/a' }], project: 'x' };
    const { version } = await (await as({})).create(text({ resourceType: 'Basic', code: { text: 'x' }, meta }));
    expect(accountsOf(version)).toEqual([]);
    expect(compartmentOf(version)).toEqual([]);
    expect(extendedMetaOf(version)).toMatchObject({ project: tenant.tenant.projectId });
  });

  it('are not taken over from a patient that does not exist, is deleted, or is elsewhere', async () => {
    const gone = await patientOf('Organization/a');
    await (await as(admin)).delete('Patient', gone.slice('Patient/'.length));
    for (const reference of [gone, 'Patient/nobody', 'https://elsewhere.example/fhir/Patient/1']) {
      const { version } = await (await as({})).create(anObservation(reference));
      expect(accountsOf(version)).toEqual([]);
    }
  });

  it('are taken over by conditional creates and conditional updates too', async () => {
    const patient = await patientOf('Organization/a');
    const identifier = [{ system: 'urn:test', value: patient }];
    const query = `identifier=urn:test|${patient}`;
    const made = await (await as({})).conditionalUpdate('Observation', query, anObservation(patient, { identifier }));
    expect([made.created, accountsOf(made.version)]).toEqual([true, ['Organization/a']]);
    const other = await (
      await as({})
    ).create(anObservation(patient), { ifNoneExist: `subject=${patient}&status=amended` });
    expect(accountsOf(other.version)).toEqual(['Organization/a']);
  });
});

describe('the accounts of what is edited', () => {
  it('stay when somebody of another account edits it, with meta or without', async () => {
    const { version } = await (await as(memberOfAandB)).create(text({ resourceType: 'Basic', code: { text: 'x' } }));
    for (const meta of [undefined, {}, filedUnder('Organization/c')]) {
      const code = { text: JSON.stringify({ meta }) };
      const sent = text({ resourceType: 'Basic', id: version.id, code, ...(meta ? { meta } : {}) });
      const edited = await (await as(memberOfC)).update('Basic', version.id, sent);
      expect([edited.changed, accountsOf(edited.version)]).toEqual([true, ['Organization/a']]);
    }
  });

  it('stay when a patient keeps its place in the resource, and follow when it is about another one', async () => {
    const one = await patientOf('Organization/a');
    const other = await patientOf('Organization/b');
    const { version } = await (await as(memberOfC)).create(anObservation(one));
    expect(accountsOf(version)).toEqual(['Organization/c', 'Organization/a']);
    const edit = (more: JsonObject) => text({ ...parse(anObservationText(version.id)), ...more });
    const kept = await (await as({})).update('Observation', version.id, edit({ ...subject(one), status: 'amended' }));
    expect(accountsOf(kept.version)).toEqual(['Organization/c', 'Organization/a']);
    const moved = await (await as({})).update('Observation', version.id, edit(subject(other)));
    expect(accountsOf(moved.version)).toEqual(['Organization/b']);
    expect(compartmentOf(moved.version)).toEqual(['Organization/b', other]);
    const patch = jsonPatch(JSON.stringify([{ op: 'replace', path: '/subject/reference', value: one }]));
    const patched = await (await as({})).patch('Observation', version.id, patch);
    expect(accountsOf(patched.version)).toEqual(['Organization/a']);
    const loose = await (await as({})).update('Observation', version.id, edit({}));
    expect(accountsOf(loose.version)).toEqual([]);
  });

  it('of a Patient stay what they were', async () => {
    const patient = await patientOf('Organization/a');
    const [, id = ''] = patient.split('/');
    const linked = await patientOf('Organization/b');
    const link = [{ other: { reference: linked }, type: 'seealso' }];
    const { version } = await (
      await as(memberOfC)
    ).update('Patient', id, aPatient({ id, link, meta: filedUnder('Organization/c') }));
    expect(accountsOf(version)).toEqual(['Organization/a']);
    expect(compartmentOf(version)).toEqual(['Organization/a', patient, linked]);
  });

  it('make no version when nothing changes', async () => {
    const patient = await patientOf('Organization/a');
    const [, id = ''] = patient.split('/');
    const stored = await (await as(admin)).read('Patient', id);
    const again = await (await as(admin)).update('Patient', id, text(stored.body));
    expect([again.changed, again.version.versionId]).toEqual([false, stored.versionId]);
  });
});

const anObservationText = (id: string) =>
  JSON.stringify({ resourceType: 'Observation', id, status: 'final', code: { text: 'pulse' } });

describe('in a transaction', () => {
  const bundle = (type: string, ...entry: JsonObject[]) => JSON.stringify({ resourceType: 'Bundle', type, entry });
  const post = (resource: JsonObject & { resourceType: string }, more: JsonObject = {}) => ({
    resource,
    request: { method: 'POST', url: resource.resourceType },
    ...more,
  });
  const observation = (reference: string) => ({
    resourceType: 'Observation',
    status: 'final',
    code: { text: 'pulse' },
    ...subject(reference),
  });
  const patientBody = (more: JsonObject = {}) => ({ resourceType: 'Patient', ...more });

  async function accountsOfAnswers(member: TestMember, ...entry: JsonObject[]): Promise<string[][]> {
    const repository = await as(member);
    const answer = parse(await repository.processBundle(bundle('transaction', ...entry), baseUrl));
    return (answer.entry as { resource: JsonObject }[]).map(({ resource }) => {
      const { accounts = [] } = resource.meta as { accounts?: { reference: string }[] };
      return accounts.map(({ reference }) => reference);
    });
  }

  it('patients that are made in it count, whatever the order of the entries', async () => {
    const fullUrl = 'urn:uuid:5b6f3c0e-0000-4000-8000-000000000001';
    const patient = { ...post(patientBody({ meta: filedUnder('Organization/a') })), fullUrl };
    const found = await accountsOfAnswers(admin, post(observation(fullUrl)), patient, post(observation(fullUrl)));
    expect(found).toEqual([['Organization/a'], ['Organization/a'], ['Organization/a']]);
  });

  it('patients that are updated in it count as they are afterwards', async () => {
    const stored = await patientOf('Organization/a');
    const [, id = ''] = stored.split('/');
    const put = {
      resource: patientBody({ id, meta: filedUnder('Organization/b') }),
      request: { method: 'PUT', url: stored },
    };
    expect(await accountsOfAnswers(admin, post(observation(stored)), put)).toEqual([
      ['Organization/b'],
      ['Organization/b'],
    ]);
  });

  it('patients that wait for a conditional reference count', async () => {
    const value = `org-${tenant.tenant.projectId}`;
    const organization = post({ resourceType: 'Organization', identifier: [{ system: 'urn:test', value }] });
    const fullUrl = 'urn:uuid:5b6f3c0e-0000-4000-8000-000000000002';
    const managingOrganization = { reference: `Organization?identifier=urn:test|${value}` };
    const patient = { ...post(patientBody({ managingOrganization, meta: filedUnder('Organization/a') })), fullUrl };
    const found = await accountsOfAnswers(admin, post(observation(fullUrl)), patient, organization);
    expect(found).toEqual([['Organization/a'], ['Organization/a'], []]);
  });

  it('patients that are found by a conditional update or create count', async () => {
    const identifier = [{ system: 'urn:test', value: `patient-${tenant.tenant.projectId}` }];
    const query = `identifier=urn:test|patient-${tenant.tenant.projectId}`;
    const fullUrl = 'urn:uuid:5b6f3c0e-0000-4000-8000-000000000003';
    const upsert = (account: string) => ({
      fullUrl,
      resource: patientBody({ identifier, meta: filedUnder(account) }),
      request: { method: 'PUT', url: `Patient?${query}` },
    });
    expect(await accountsOfAnswers(admin, post(observation(fullUrl)), upsert('Organization/a'))).toEqual([
      ['Organization/a'],
      ['Organization/a'],
    ]);
    expect(await accountsOfAnswers(admin, post(observation(fullUrl)), upsert('Organization/b'))).toEqual([
      ['Organization/b'],
      ['Organization/b'],
    ]);
    const found = { ...post(patientBody({ identifier })), fullUrl };
    found.request = { ...found.request, ifNoneExist: query } as typeof found.request;
    const [observed] = await accountsOfAnswers({}, post(observation(fullUrl)), found);
    expect(observed).toEqual(['Organization/b']);
  });

  it('patients that are patched in it count as they are afterwards', async () => {
    const stored = await patientOf('Organization/a');
    const operation = { name: 'type', valueCode: 'replace' };
    const path = { name: 'path', valueString: 'Patient.meta.accounts.reference' };
    const value = { name: 'value', valueString: 'Organization/b' };
    const parameter = [{ name: 'operation', part: [operation, path, value] }];
    const patch = { resource: { resourceType: 'Parameters', parameter }, request: { method: 'PATCH', url: stored } };
    expect(await accountsOfAnswers(admin, post(observation(stored)), patch)).toEqual([
      ['Organization/b'],
      ['Organization/b'],
    ]);
  });

  it('patients that wait for what refers to them come last, and nothing waits for ever', async () => {
    const fullUrl = 'urn:uuid:5b6f3c0e-0000-4000-8000-000000000004';
    const identifier = [{ system: 'urn:test', value: `ring-${tenant.tenant.projectId}` }];
    const related = post({ resourceType: 'RelatedPerson', identifier, patient: { reference: fullUrl } });
    const other = { reference: `RelatedPerson?identifier=urn:test|ring-${tenant.tenant.projectId}` };
    const link = [{ other, type: 'seealso' }];
    const patient = { ...post(patientBody({ link, meta: filedUnder('Organization/a') })), fullUrl };
    expect(await accountsOfAnswers(admin, patient, related)).toEqual([['Organization/a'], []]);
  });

  it('patients that a conditional reference finds count', async () => {
    const stored = await patientOf('Organization/a');
    const [, id = ''] = stored.split('/');
    expect(await accountsOfAnswers({}, post(observation(`Patient?_id=${id}`)))).toEqual([['Organization/a']]);
  });

  it('and in a batch each entry is filed by itself', async () => {
    const stored = await patientOf('Organization/a');
    const repository = await as({});
    const answer = parse(await repository.processBundle(bundle('batch', post(observation(stored))), baseUrl));
    const [first] = answer.entry as { resource: JsonObject }[];
    expect(first?.resource.meta).toMatchObject(filedUnder('Organization/a'));
  });

  it('a resource that would enter a foreign chart stops the whole', async () => {
    const foreign = await patientOf('Organization/b');
    const entries = bundle(
      'transaction',
      post({ resourceType: 'Basic', code: { text: 'x' } }),
      post(observation(foreign)),
    );
    await expect((await as(clinicianOfA)).processBundle(entries, baseUrl)).rejects.toMatchObject({
      category: 'forbidden',
      issues: [{ expression: [expect.stringContaining('entry[1]')] }],
    });
  });
});

describe('a foreign chart', () => {
  const codeOnly: TestMember = { policy: { resource: [{ resourceType: 'Observation' }] } };

  it('takes in nothing: a write into the chart of a patient whom the writer cannot read is 403', async () => {
    const own = await patientOf('Organization/a');
    const foreign = await patientOf('Organization/b');
    const repository = await as(clinicianOfA);
    const { version } = await repository.create(anObservation(own));
    await expect(repository.create(anObservation(foreign))).rejects.toMatchObject({ category: 'forbidden' });
    const both = anObservation(own, { performer: [{ reference: foreign }] });
    await expect(repository.create(both)).rejects.toMatchObject({ category: 'forbidden' });
    const moved = anObservation(foreign, { id: version.id });
    await expect(repository.update('Observation', version.id, moved)).rejects.toMatchObject({ category: 'forbidden' });
    const patch = jsonPatch(JSON.stringify([{ op: 'replace', path: '/subject/reference', value: foreign }]));
    await expect(repository.patch('Observation', version.id, patch)).rejects.toMatchObject({ category: 'forbidden' });
    expect(accountsOf(await (await as(admin)).read('Observation', version.id))).toEqual(['Organization/a']);
  });

  it('cannot be told from one that does not exist', async () => {
    await expect((await as(clinicianOfA)).create(anObservation('Patient/nobody'))).rejects.toMatchObject({
      category: 'forbidden',
    });
  });

  it('does not matter to somebody who has no rule about patients at all', async () => {
    const foreign = await patientOf('Organization/b');
    const { version } = await (await as(codeOnly)).create(anObservation(foreign));
    expect(accountsOf(version)).toEqual(['Organization/b']);
  });

  it('does not matter to what is in no chart', async () => {
    const foreign = await patientOf('Organization/b');
    const sent = text({
      resourceType: 'Basic',
      code: { text: 'x' },
      extension: [{ url: 'urn:x', valueReference: { reference: foreign } }],
    });
    expect((await (await as(clinicianOfA)).create(sent)).created).toBe(true);
  });

  it('is not opened by a scope that leaves Patients out, nor by a rule for Patients that grants nothing', async () => {
    const own = await patientOf('Organization/a');
    const foreign = await patientOf('Organization/b');
    const scoped = await as({ ...clinicianOfA, scope: 'user/Observation.cruds' });
    expect((await scoped.create(anObservation(own))).created).toBe(true);
    await expect(scoped.create(anObservation(foreign))).rejects.toMatchObject({ category: 'forbidden' });
    const closed: TestMember = {
      policy: {
        resource: [{ resourceType: 'Observation' }, { resourceType: 'Patient', criteria: 'Patient?nothing=1' }],
      },
    };
    await expect((await as(closed)).create(anObservation(foreign))).rejects.toMatchObject({ category: 'forbidden' });
  });

  it('is closed by a rule for all types as well', async () => {
    const own = await patientOf('Organization/a');
    const foreign = await patientOf('Organization/b');
    const member: TestMember = {
      policy: { resource: [{ resourceType: '*', criteria: '*?_compartment=%organization' }] },
      parameters: { organization: ['Organization/a'] },
    };
    expect((await (await as(member)).create(anObservation(own))).created).toBe(true);
    await expect((await as(member)).create(anObservation(foreign))).rejects.toMatchObject({ category: 'forbidden' });
  });
});

describe('searching by _compartment', () => {
  const find = async (repository: ResourceRepository, type: string, query: string) => {
    const request = parseSearch(tenant.tenant.version, type, query, { handling: 'strict' });
    return (await repository.search(request)).hits.map(({ id }) => id);
  };

  it('finds the chart of a patient, and what is filed under an account, as they are now', async () => {
    const patient = await patientOf('Organization/search');
    const { version } = await (await as({})).create(anObservation(patient));
    const repository = await as(admin);
    expect(await find(repository, 'Observation', `_compartment=${patient}`)).toEqual([version.id]);
    expect(await find(repository, 'Observation', '_compartment=Organization/search')).toEqual([version.id]);
    await repository.update('Observation', version.id, anObservation(undefined, { id: version.id }));
    expect(await find(repository, 'Observation', `_compartment=${patient}`)).toEqual([]);
    expect(await find(repository, 'Observation', '_compartment=Organization/search')).toEqual([]);
  });

  it('narrows what a policy lets through and never widens it', async () => {
    const own = await patientOf('Organization/a');
    const foreign = await patientOf('Organization/b');
    const repository = await as(clinicianOfA);
    const found = await find(repository, 'Patient', '_compartment=Organization/a,Organization/b&_count=1000');
    expect(found).toContain(own.slice('Patient/'.length));
    expect(found).not.toContain(foreign.slice('Patient/'.length));
    expect(await find(repository, 'Patient', '_compartment=Organization/b&_count=1000')).not.toContain(
      foreign.slice('Patient/'.length),
    );
  });
});

describe("a change of a patient's accounts", () => {
  it('raises the security epoch, so that nobody who read the old accounts writes after it', async () => {
    const patient = await patientOf('Organization/a');
    const [, id = ''] = patient.split('/');
    const early = await as({});
    const before = await tenant.epoch();
    await (await as(admin)).update('Patient', id, aPatient({ id, meta: filedUnder('Organization/b') }));
    expect(BigInt(await tenant.epoch())).toBe(BigInt(before) + 1n);
    await expect(early.create(anObservation(patient))).rejects.toMatchObject({ name: 'StaleRights' });
    const { version } = await (await as({})).create(anObservation(patient));
    expect(accountsOf(version)).toEqual(['Organization/b']);
  });

  it('by a conditional update, a patch or an entry of a transaction does so too', async () => {
    const patient = await patientOf('Organization/a');
    const [, id = ''] = patient.split('/');
    const raises = async (change: () => Promise<unknown>) => {
      const before = BigInt(await tenant.epoch());
      await change();
      return BigInt(await tenant.epoch()) - before;
    };
    const meta = (name: string) => filedUnder(`Organization/${name}`);
    const put = (name: string) => ({
      resource: { resourceType: 'Patient', id, meta: meta(name) },
      request: { method: 'PUT', url: patient },
    });
    const transaction = JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry: [put('d')] });
    const repository = () => as(admin);
    expect(
      await raises(async () =>
        (await repository()).conditionalUpdate('Patient', `_id=${id}`, aPatient({ meta: meta('b') })),
      ),
    ).toBe(1n);
    const patch = jsonPatch('[{"op":"replace","path":"/meta/accounts/0/reference","value":"Organization/c"}]');
    expect(await raises(async () => (await repository()).patch('Patient', id, patch))).toBe(1n);
    expect(await raises(async () => (await repository()).processBundle(transaction, baseUrl))).toBe(1n);
    expect(accountsOf(await (await repository()).read('Patient', id))).toEqual(['Organization/d']);
  });

  it('is needed for it: other updates of patients, and new patients, do not', async () => {
    const before = await tenant.epoch();
    const patient = await patientOf('Organization/a');
    const [, id = ''] = patient.split('/');
    await (await as(admin)).update('Patient', id, aPatient({ id, active: false, meta: filedUnder('Organization/a') }));
    await (await as(memberOfC)).update('Patient', id, aPatient({ id, gender: 'other' }));
    expect(await tenant.epoch()).toBe(before);
  });
});

describe('where something is filed', () => {
  /** The names of the statements that look patients up while `work` writes. */
  async function lookUps(work: (repository: ResourceRepository) => Promise<unknown>): Promise<(string | undefined)[]> {
    const names: (string | undefined)[] = [];
    const counted = (connection: Connection): Connection => ({
      query: (statement) => {
        names.push(statement.name);
        return connection.query(statement);
      },
      transaction: (run, options) => connection.transaction((transaction) => run(counted(transaction)), options),
    });
    const use: TenantDatabase['use'] = (run) => tenant.tenant.use((connection) => run(counted(connection)));
    const caller = { policy: policyOfMember({}), epoch: await tenant.epoch(), agent: 'Practitioner/p', requestId: 'r' };
    await work(new ResourceRepository(tenantDatabase({ ...tenant.tenant, use, share: use }), caller));
    return names.filter((name) => name === 'store_patient_accounts' || name === 'store_read_many');
  }

  it('costs no statement without patients, and one for all that a resource refers to', async () => {
    const [one, other] = [await patientOf('Organization/a'), await patientOf('Organization/b')];
    expect(await lookUps((repository) => repository.create(aPatient()))).toEqual([]);
    expect(await lookUps((repository) => repository.create(anObservation(undefined)))).toEqual([]);
    const sent = anObservation(one, { performer: [{ reference: other }] });
    expect(await lookUps((repository) => repository.create(sent))).toEqual(['store_patient_accounts']);
  });

  it('costs no statement when what is edited stays with its patients', async () => {
    const one = await patientOf('Organization/a');
    const { version } = await (await as({})).create(anObservation(one));
    const edit = anObservation(one, { id: version.id, status: 'amended' });
    expect(await lookUps((repository) => repository.update('Observation', version.id, edit))).toEqual([]);
  });

  it('costs one statement for a whole transaction, and none for patients that it makes', async () => {
    const [one, other] = [await patientOf('Organization/a'), await patientOf('Organization/b')];
    const fullUrl = 'urn:uuid:5b6f3c0e-0000-4000-8000-000000000009';
    const about = (reference: string) => ({
      resource: { resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject: { reference } },
      request: { method: 'POST', url: 'Observation' },
    });
    const made = { fullUrl, resource: { resourceType: 'Patient' }, request: { method: 'POST', url: 'Patient' } };
    const send = (...entry: object[]) => {
      const bundle = JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
      return lookUps((repository) => repository.processBundle(bundle, baseUrl));
    };
    expect(await send(made, about(fullUrl), about(fullUrl))).toEqual([]);
    expect(await send(about(one), about(other), made, about(fullUrl), about(one))).toEqual(['store_patient_accounts']);
  });
});
