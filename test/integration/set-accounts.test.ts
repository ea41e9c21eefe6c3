/** `$set-accounts`: filing a resource anew, and a patient with the whole chart. */
import type { AccessPolicy } from '#access-policy';
import type { JsonObject } from '#fhir';
import { sql } from '#postgres';
import {
  accountsOf,
  admin,
  anObservation,
  asMember,
  compartmentOf,
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

const a = 'Organization/a';
const b = 'Organization/b';
const c = 'Organization/c';

const list = (...references: string[]) => references.map((reference) => ({ reference }));

const as = (member: TestMember) => asMember(tenant, member);

async function patientOf(...accounts: string[]): Promise<string> {
  return (await (await as(admin)).create(aPatient({ meta: filedUnder(...accounts) }))).version.id;
}

/** A resource about these patients, filed as follows from them; returns its id. */
async function observationOf(
  subject: string,
  performers: readonly string[] = [],
  more: JsonObject = {},
): Promise<string> {
  const performer = performers.map((id) => ({ reference: `Patient/${id}` }));
  const sent = anObservation(`Patient/${subject}`, { ...(performers.length > 0 ? { performer } : {}), ...more });
  return (await (await as(admin)).create(sent)).version.id;
}

async function setAccounts(id: string, accounts: readonly string[], propagate = true, member = admin): Promise<number> {
  const repository = await as(member);
  // The call itself changes rights, and goes on as what it is then.
  return repository.setAccounts('Patient', id, { accounts: list(...accounts), propagate });
}

const filed = async (type: string, id: string) => accountsOf(await (await as(admin)).read(type, id));

describe('without propagate', () => {
  it('replaces the accounts of the resource and of nothing else', async () => {
    const patient = await patientOf(a);
    const observation = await observationOf(patient);
    expect(await setAccounts(patient, [b, c], false)).toBe(1);
    expect(await filed('Patient', patient)).toEqual([b, c]);
    expect(await filed('Observation', observation)).toEqual([a]);
    const version = await (await as(admin)).read('Patient', patient);
    expect(compartmentOf(version)).toEqual([b, c, `Patient/${patient}`]);
  });

  it('files resources of any type, also under no account at all', async () => {
    const { version } = await (
      await as(admin)
    ).create(text({ resourceType: 'Questionnaire', status: 'draft', meta: filedUnder(a) }));
    const repository = await as(admin);
    expect(await repository.setAccounts('Questionnaire', version.id, { accounts: [], propagate: true })).toBe(1);
    expect(await filed('Questionnaire', version.id)).toEqual([]);
  });

  it('makes no version when the accounts are these already', async () => {
    const patient = await patientOf(a);
    const before = await (await as(admin)).read('Patient', patient);
    const epoch = await tenant.epoch();
    expect(await setAccounts(patient, [a])).toBe(1);
    const after = await (await as(admin)).read('Patient', patient);
    expect([after.versionId, await tenant.epoch()]).toEqual([before.versionId, epoch]);
  });

  it('keeps everything else of the resource as it is', async () => {
    const { version } = await (
      await as(admin)
    ).create(
      text(
        '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50},"meta":{"tag":[{"code":"t"}]}}',
      ),
    );
    await (await as(admin)).setAccounts('Observation', version.id, { accounts: list(a), propagate: false });
    const { body } = await (await as(admin)).read('Observation', version.id);
    expect(body).toContain('"valueQuantity":{"value":1.50}');
    expect(body).toContain('"accounts":[{"reference":"Organization/a"}],"tag":[{"code":"t"}]');
  });
});

describe('with propagate', () => {
  it('carries what was added and removed over to every resource of the compartment, and counts the target', async () => {
    const patient = await patientOf(a);
    const observation = await observationOf(patient);
    const condition = await (
      await as(admin)
    ).create(text({ resourceType: 'Condition', subject: { reference: `Patient/${patient}` } }));
    expect(await setAccounts(patient, [b])).toBe(3);
    expect(await filed('Patient', patient)).toEqual([b]);
    expect(await filed('Observation', observation)).toEqual([b]);
    expect(await filed('Condition', condition.version.id)).toEqual([b]);
  });

  it('keeps accounts that a resource has of its own', async () => {
    const patient = await patientOf(a);
    const observation = await observationOf(patient, [], { meta: filedUnder(a, c) });
    await setAccounts(patient, [b]);
    expect(await filed('Observation', observation)).toEqual([c, b]);
  });

  it('keeps accounts that a resource has because of another patient', async () => {
    const patient = await patientOf(a);
    const other = await patientOf(a, c);
    const observation = await observationOf(patient, [other]);
    await setAccounts(patient, [b]);
    expect(await filed('Observation', observation)).toEqual([a, c, b]);
  });

  it('leaves resources alone that are not in the compartment, and other patients that have links to this one', async () => {
    const patient = await patientOf(a);
    const elsewhere = await observationOf(await patientOf(a));
    const link = [{ other: { reference: `Patient/${patient}` }, type: 'seealso' }];
    const linked = await (await as(admin)).create(aPatient({ link, meta: filedUnder(a) }));
    expect(await setAccounts(patient, [b])).toBe(1);
    expect(await filed('Observation', elsewhere)).toEqual([a]);
    expect(await filed('Patient', linked.version.id)).toEqual([a]);
  });

  it('does not touch deleted resources', async () => {
    const patient = await patientOf(a);
    const observation = await observationOf(patient);
    await (await as(admin)).delete('Observation', observation);
    expect(await setAccounts(patient, [b])).toBe(1);
  });

  it('works through a compartment of many resources', async () => {
    const patient = await patientOf(a);
    await observationsOf(patient, 130);
    expect(await setAccounts(patient, [b])).toBe(131);
    const left = `SELECT 1 FROM resource WHERE body LIKE '%"Patient/${patient}"%' AND body NOT LIKE '%Organization/b%'`;
    expect(await tenant.rows(left)).toEqual([]);
  });

  it('is done to the end by the same call again, when it was cut short', async () => {
    const patient = await patientOf(a);
    const observations = [await observationOf(patient), await observationOf(patient)];
    await cutShort(patient, observations[0] ?? '', [b]);
    expect(await filed('Patient', patient)).toEqual([b]);
    expect(await filed('Observation', observations[0] ?? '')).toEqual([a]);
    expect(await setAccounts(patient, [b])).toBe(3);
    for (const id of observations) expect(await filed('Observation', id)).toEqual([b]);
    expect(await tenant.rows('SELECT * FROM accounts_change')).toEqual([]);
  });

  it('leaves nothing of a call that was cut short behind, when another change follows', async () => {
    const patient = await patientOf(a);
    const observation = await observationOf(patient);
    await cutShort(patient, observation, [b]);
    const later = await observationOf(patient);
    expect(await filed('Observation', later)).toEqual([b]);
    await setAccounts(patient, [c]);
    expect(await filed('Observation', observation)).toEqual([c]);
    expect(await filed('Observation', later)).toEqual([c]);
  });

  it('goes on with the rights as they are when they change meanwhile', async () => {
    const patient = await patientOf(a);
    const observations = await observationsOf(patient, 60);
    const { repository, renewals } = await renewable(patientAdmin);
    const work = await whileLocked(observations[0] ?? '', async (untilBlocked) => {
      const working = repository.setAccounts('Patient', patient, { accounts: list(b), propagate: true });
      await untilBlocked();
      await tenant.rows('UPDATE security_epoch SET epoch = epoch + 1');
      return { working };
    });
    expect(await work.working).toBe(61);
    expect(renewals()).toBe(1);
    for (const id of [observations[0], observations[59]]) expect(await filed('Observation', id ?? '')).toEqual([b]);
  });

  it('stops when the caller is no admin any more, and is done by the next call of one who is', async () => {
    const patient = await patientOf(a);
    const observations = await observationsOf(patient, 60);
    const { repository } = await renewable(policyOfMember({}));
    const work = await whileLocked(observations[0] ?? '', async (untilBlocked) => {
      const working = repository.setAccounts('Patient', patient, { accounts: list(b), propagate: true });
      await untilBlocked();
      await tenant.rows('UPDATE security_epoch SET epoch = epoch + 1');
      return { working: working.catch((error: unknown) => error) };
    });
    expect(await work.working).toMatchObject({ name: 'StaleRights' });
    expect(await filed('Observation', observations[59] ?? '')).toEqual([a]);
    expect(await setAccounts(patient, [b])).toBe(61);
    expect(await filed('Observation', observations[59] ?? '')).toEqual([b]);
  });

  it('is refused with 409 when another call for the same patient comes in between', async () => {
    const patient = await patientOf(a);
    const observations = await observationsOf(patient, 60);
    const { repository } = await renewable(patientAdmin);
    const work = await whileLocked(observations[0] ?? '', async (untilBlocked) => {
      const working = repository.setAccounts('Patient', patient, { accounts: list(b), propagate: true });
      await untilBlocked();
      // As another call leaves it: a change by a later version.
      await tenant.rows('UPDATE accounts_change SET version = version + 1');
      return { working: working.catch((error: unknown) => error) };
    });
    expect(await work.working).toMatchObject({ category: 'conflict' });
    await tenant.rows('DELETE FROM accounts_change');
  });

  const patientAdmin = policyOfMember(admin);

  /** A repository of an admin whose policy is `later` when it is renewed. */
  async function renewable(later: AccessPolicy) {
    let renewals = 0;
    const repository = await tenant.repository({
      policy: patientAdmin,
      renew: async () => {
        renewals++;
        return { policy: later, epoch: await tenant.epoch(), agent: 'Practitioner/p', requestId: 'renewed' };
      },
    });
    return { repository, renewals: () => renewals };
  }

  async function observationsOf(patient: string, count: number): Promise<string[]> {
    const subject = { reference: `Patient/${patient}` };
    const resource = { resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject };
    const entry = Array.from({ length: count }, () => ({ resource, request: { method: 'POST', url: 'Observation' } }));
    const bundle = JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
    const answer = parse(await (await as(admin)).processBundle(bundle, baseUrl));
    return (answer.entry as { resource: { id: string } }[]).map(({ resource: { id } }) => id);
  }

  /** Does `work` while nobody can write the Observation; a change that is carried over waits for it. */
  async function whileLocked<T>(id: string, work: (untilBlocked: () => Promise<void>) => Promise<T>): Promise<T> {
    const blocker = await tenant.connect();
    try {
      return await blocker.transaction(async (transaction) => {
        await transaction.query(sql`SELECT 1 FROM resource WHERE type = 'Observation' AND fhir_id = ${id} FOR UPDATE`);
        return work(async () => {
          while ((await tenant.rows('SELECT 1 FROM accounts_change')).length === 0) await tenant.untilBlocked();
          await tenant.untilBlocked();
        });
      });
    } finally {
      await blocker.close();
    }
  }

  /** What a process leaves that is killed when the patient has changed and nothing else yet. */
  async function cutShort(patient: string, observation: string, accounts: string[]): Promise<void> {
    await whileLocked(observation, async (untilBlocked) => {
      const work = setAccounts(patient, accounts).catch((error: unknown) => error);
      await untilBlocked();
      await tenant.rows(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      expect(await work).toBeInstanceOf(Error);
    });
  }
});

describe('the caller', () => {
  it('must be a project admin: others are refused, whatever the resource', async () => {
    const patient = await patientOf(a);
    await expect(setAccounts(patient, [b], false, {})).rejects.toMatchObject({ category: 'forbidden' });
    await expect(setAccounts('nobody', [b], false, {})).rejects.toMatchObject({ category: 'forbidden' });
    expect(await filed('Patient', patient)).toEqual([a]);
  });

  it('must be able to see the resource: 404 for an unknown one, 403 for one that no rule grants, 410 for a deleted one', async () => {
    const limited: TestMember = {
      admin: true,
      policy: { resource: [{ resourceType: 'Patient', criteria: 'Patient?_compartment=Organization/b' }] },
    };
    const patient = await patientOf(a);
    await expect(setAccounts('nobody', [b])).rejects.toMatchObject({ category: 'not-found' });
    await expect(setAccounts(patient, [b], true, limited)).rejects.toMatchObject({ category: 'forbidden' });
    expect(await filed('Patient', patient)).toEqual([a]);
    await (await as(admin)).delete('Patient', patient);
    await expect(setAccounts(patient, [b])).rejects.toMatchObject({ category: 'gone' });
  });

  it('must name references: anything else is 400 and nothing is changed', async () => {
    const patient = await patientOf(a);
    const repository = await as(admin);
    for (const accounts of [
      [{ reference: 'nonsense' }],
      [{}],
      'x',
      [{ reference: 'https://elsewhere.example/Organization/1' }],
    ]) {
      await expect(repository.setAccounts('Patient', patient, { accounts, propagate: true })).rejects.toMatchObject({
        category: 'invalid',
      });
    }
    await expect(repository.setAccounts('Nonsense', patient, { accounts: [], propagate: true })).rejects.toMatchObject({
      category: 'not-found',
    });
    expect(await filed('Patient', patient)).toEqual([a]);
  });
});
