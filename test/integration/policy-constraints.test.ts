/** Write constraints: expressions that must be true of what is stored before and after a write. */
import { jsonPatch, type JsonObject } from '#fhir';
import type { ResourceRepository } from '#fhir-store';
import { rules } from './policy-rules.fixture.js';
import { aTenant, baseUrl, parse, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
let owner: ResourceRepository;
beforeAll(async () => {
  t = await aTenant();
  owner = await t.repository();
});
afterAll(() => t.close());

const constrained = (...expressions: string[]) => ({
  resourceType: 'Observation',
  writeConstraint: expressions.map((expression) => ({ language: 'text/fhirpath', expression })),
});
/** The example of the specification: a final observation is locked, and it must be about somebody. */
const locked = constrained(
  "%before.exists() implies %before.status != 'final'",
  "status = 'final' implies subject.exists()",
);
const member = (...rule: JsonObject[]) => t.repository({ policy: rules(rule) });
const forbidden = expect.objectContaining({ category: 'forbidden' }) as unknown;

const observation = (status: string, more: object = {}) =>
  text({ resourceType: 'Observation', status, code: { text: 'x' }, ...more });
const subject = { display: 'Ana' };
const stored = async (status: string) => (await owner.create(observation(status, { subject }))).version.id;
const statusOf = async (id: string) => parse((await owner.read('Observation', id)).body)['status'];
const toStatus = (value: string) => jsonPatch(JSON.stringify([{ op: 'replace', path: '/status', value }]));

describe('a constraint that does not hold refuses', () => {
  test('a create, for which nothing is before', async () => {
    const repository = await member(locked);
    await expect(repository.create(observation('final'))).rejects.toEqual(forbidden);
    expect((await repository.create(observation('final', { subject }))).created).toBe(true);
    await expect((await member(constrained('%before.exists()'))).create(observation('final'))).rejects.toEqual(
      forbidden,
    );
  });

  test.each<[string, (by: ResourceRepository, id: string, status: string) => Promise<unknown>]>([
    ['an update', (by, id, status) => by.update('Observation', id, observation(status, { id, subject }))],
    ['a patch', (by, id, status) => by.patch('Observation', id, toStatus(status))],
    [
      'a conditional update',
      (by, id, status) => by.conditionalUpdate('Observation', `_id=${id}`, observation(status, { subject })),
    ],
    ['a conditional patch', (by, id, status) => by.conditionalPatch('Observation', `_id=${id}`, toStatus(status))],
  ])('%s', async (_, write) => {
    const repository = await member(locked);
    const final = await stored('final');
    await expect(write(repository, final, 'amended')).rejects.toEqual(forbidden);
    expect(await statusOf(final)).toBe('final');
    const draft = await stored('preliminary');
    await write(repository, draft, 'final');
    expect(await statusOf(draft)).toBe('final');
  });

  test('the entry of a batch alone, and a transaction as a whole', async () => {
    const repository = await member(locked);
    const entries = ['preliminary', 'final'].map((status) => ({
      request: { method: 'POST', url: 'Observation' },
      resource: { resourceType: 'Observation', status, code: { text: 'constraint-bundle' } },
    }));
    const bundle = (type: string) => JSON.stringify({ resourceType: 'Bundle', type, entry: entries });
    const { entry } = parse(await repository.processBundle(bundle('batch'), baseUrl)) as unknown as {
      entry: { response: { status: string } }[];
    };
    expect(entry.map(({ response }) => response.status)).toEqual(['201', '403']);
    await expect(repository.processBundle(bundle('transaction'), baseUrl)).rejects.toEqual(forbidden);
  });
});

describe('a write that changes nothing', () => {
  const versionOf = async (id: string) => (await owner.read('Observation', id)).versionId;

  test.each<[string, (by: ResourceRepository, id: string) => Promise<{ changed: boolean }>]>([
    ['an update', (by, id) => by.update('Observation', id, observation('final', { id, subject }))],
    ['a patch', (by, id) => by.patch('Observation', id, toStatus('final'))],
    [
      'a conditional update',
      (by, id) => by.conditionalUpdate('Observation', `_id=${id}`, observation('final', { subject })),
    ],
  ])('is answered with the stored version, whatever constraints say: %s', async (_, write) => {
    const id = await stored('final');
    const before = await versionOf(id);
    expect(await write(await member(locked), id)).toMatchObject({ changed: false, version: { versionId: before } });
    expect(await versionOf(id)).toBe(before);
    const withHidden = await member({ ...locked, hiddenFields: ['subject'] });
    expect(await write(withHidden, id)).toMatchObject({ changed: false, version: { versionId: before } });
  });

  test('in a transaction too', async () => {
    const id = await stored('final');
    const entry = ['final', 'amended'].map((status) => ({
      request: { method: 'PUT', url: `Observation/${id}` },
      resource: { resourceType: 'Observation', id, status, code: { text: 'x' }, subject },
    }));
    const send = async (position: number) =>
      (await member(locked)).processBundle(
        JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry: [entry[position]] }),
        baseUrl,
      );
    expect(await send(0)).toContain(`"etag":"W/\\"${await versionOf(id)}\\""`);
    await expect(send(1)).rejects.toEqual(forbidden);
  });

  test('is refused all the same when the stored resource cannot be changed', async () => {
    const id = await stored('final');
    const repository = await member({ ...locked, criteria: 'Observation?status=preliminary' });
    await expect(repository.update('Observation', id, observation('final', { id, subject }))).rejects.toEqual(
      forbidden,
    );
  });

  test('does not tell what is stored to somebody who cannot read it', async () => {
    const id = await stored('final');
    for (const interaction of [['update'], ['update', 'search']]) {
      const repository = await member({ ...locked, interaction });
      for (const display of ['Ana', 'Bea']) {
        const guess = observation('final', { id, subject: { display } });
        await expect(repository.update('Observation', id, guess)).rejects.toEqual(forbidden);
      }
    }
  });

  test('tells nobody in whose chart a resource is', async () => {
    for (const id of ['own', 'foreign']) {
      await owner.update('Patient', `chart-${id}`, text({ resourceType: 'Patient', id: `chart-${id}` }));
    }
    const about = { reference: 'Patient/chart-foreign' };
    const { id } = (await owner.create(observation('final', { subject: about }))).version;
    const own = { resourceType: 'Patient', criteria: 'Patient?_id=chart-own' };
    const put = (by: ResourceRepository) => by.update('Observation', id, observation('final', { id, subject: about }));
    const writer = await member(own, { resourceType: 'Observation', interaction: ['update'] });
    await expect(put(writer)).rejects.toEqual(forbidden);
    expect(await put(await member(own, { resourceType: 'Observation' }))).toMatchObject({ changed: false });
  });

  test("does not get a client's secret, which is no part of the text, past a constraint", async () => {
    const client = { resourceType: 'ClientApplication', name: 'c' };
    const { id } = (await owner.create(text(client))).version;
    const effective = rules([{ ...constrained('false'), resourceType: 'ClientApplication' }]);
    const policy = Object.create(effective, { projectAdmin: { value: true } }) as typeof effective;
    const put = async (more: object) =>
      (await t.repository({ policy })).update('ClientApplication', id, text({ ...client, id, ...more }));
    expect(await put({})).toMatchObject({ changed: false });
    await expect(put({ secret: 'x'.repeat(32) })).rejects.toEqual(forbidden);
    // Such writes change rights.
    owner = await t.repository();
  });
});

describe('a constraint', () => {
  test('is not asked on delete', async () => {
    const id = await stored('final');
    expect((await (await member(locked)).delete('Observation', id)).deleted).toBe(true);
  });

  test('sees the resource as it will be stored: without what the writer may not set', async () => {
    const repository = await member({ ...constrained('subject.exists()'), readonlyFields: ['subject'] });
    await expect(repository.create(observation('final', { subject }))).rejects.toEqual(forbidden);
  });

  test.each([
    'status',
    "subject.display = 'Ana'",
    "('a' | 'b').select(true)",
    'status = ((',
    '%nobody = 1',
    'subject.resolve().exists()',
  ])('that gives anything but one true refuses: %s', async (expression) => {
    await expect((await member(constrained(expression))).create(observation('final'))).rejects.toEqual(forbidden);
  });

  test('of the first rule that grants the finished resource counts, and of no other', async () => {
    const repository = await member(
      { ...constrained('false'), criteria: 'Observation?status=cancelled' },
      { resourceType: 'Observation' },
      constrained('false'),
    );
    expect((await repository.create(observation('final'))).created).toBe(true);
    await expect(repository.create(observation('cancelled'))).rejects.toEqual(forbidden);
    const id = await stored('final');
    await expect(repository.patch('Observation', id, toStatus('cancelled'))).rejects.toEqual(forbidden);
  });
});

describe('rights that would take long to compile', () => {
  const membership = {
    project: { reference: 'Project/p' },
    user: { reference: 'User/u' },
    profile: { reference: 'Practitioner/p' },
  };
  const many = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one);

  test.each<[string, string, JsonObject]>([
    ['too deep an expression', 'AccessPolicy', { resource: [constrained(`${'('.repeat(51)}true${')'.repeat(51)}`)] }],
    ['too many constraints', 'AccessPolicy', { resource: [constrained(...many(21, 'true'))] }],
    ['too many rules', 'AccessPolicy', { resource: many(501, { resourceType: 'Patient' }) }],
    [
      'too many entries',
      'ProjectMembership',
      { access: many(201, { policy: { reference: 'AccessPolicy/a' } }), ...membership },
    ],
  ])('are not saved: %s', async (_, resourceType, content) => {
    const issues = [{ code: 'too-costly' }];
    await expect(owner.create(text({ resourceType, ...content }))).rejects.toMatchObject({ issues });
  });
});
