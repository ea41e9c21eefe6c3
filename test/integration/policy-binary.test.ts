/** Writing Binaries: a rule about Binary, and the right to read the security context, both the stored and the named one. */
import { policyByType } from '#access-policy';
import { jsonPatch, type JsonObject } from '#fhir';
import { parseSearch } from '#fhir-search';
import type { ResourceRepository } from '#fhir-store';
import { rules } from './policy-rules.fixture.js';
import { aPatient, aTenant, baseUrl, parse, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
let owner: ResourceRepository;
let mine: string;
let theirs: string;
beforeAll(async () => {
  t = await aTenant();
  owner = await t.repository();
  mine = `Patient/${(await owner.create(aPatient())).version.id}`;
  theirs = `Patient/${(await owner.create(aPatient({ active: false }))).version.id}`;
});
afterAll(() => t.close());

const member = (...rule: JsonObject[]) => t.repository({ policy: rules(rule) });
const failed = (category: string) => expect.objectContaining({ category }) as unknown;
const forbidden = failed('forbidden');
const reader = () =>
  member(
    { resourceType: 'Binary' },
    { resourceType: 'Basic' },
    { resourceType: 'Patient', criteria: 'Patient?active=true' },
  );
const tagged = (code: string) => ({ meta: { tag: [{ code }] } });
const binary = (context?: string, more: object = {}) =>
  text({
    resourceType: 'Binary',
    contentType: 'text/plain',
    ...(context === undefined ? {} : { securityContext: { reference: context } }),
    ...more,
  });
const stored = async (context?: string) => (await owner.create(binary(context))).version.id;
const contextOf = async (id: string) => parse((await owner.read('Binary', id)).body)['securityContext'];

describe('without a rule on Binary', () => {
  test('nothing can be written', async () => {
    const id = await stored();
    const nobody = await member({ resourceType: 'Patient' });
    await expect(nobody.create(binary())).rejects.toEqual(forbidden);
    await expect(nobody.update('Binary', id, binary(undefined, { id }))).rejects.toEqual(forbidden);
    await expect(nobody.delete('Binary', id)).rejects.toEqual(forbidden);
  });

  test('a wildcard rule is one', async () => {
    expect((await (await member({ resourceType: '*' })).create(binary())).created).toBe(true);
  });
});

describe('whoever cannot read the security context', () => {
  test('cannot name it on create', async () => {
    await expect((await reader()).create(binary(theirs))).rejects.toEqual(forbidden);
    await expect((await reader()).create(binary('Patient/unknown'))).rejects.toEqual(forbidden);
    await expect((await reader()).create(binary('https://elsewhere.example/Patient/1'))).rejects.toEqual(forbidden);
    expect((await (await reader()).create(binary(mine))).created).toBe(true);
  });

  test('cannot name it on update or patch', async () => {
    const id = await stored(mine);
    const by = await reader();
    await expect(by.update('Binary', id, binary(theirs, { id }))).rejects.toEqual(forbidden);
    const name = jsonPatch(JSON.stringify([{ op: 'replace', path: '/securityContext/reference', value: theirs }]));
    await expect(by.patch('Binary', id, name)).rejects.toEqual(forbidden);
    expect(await contextOf(id)).toEqual({ reference: mine });
  });

  test('cannot update, patch or delete the Binary, nor take the context away', async () => {
    const id = await stored(theirs);
    const by = await reader();
    await expect(by.update('Binary', id, binary(undefined, { id }))).rejects.toEqual(forbidden);
    await expect(by.update('Binary', id, binary(mine, { id }))).rejects.toEqual(forbidden);
    await expect(by.patch('Binary', id, jsonPatch('[{"op":"remove","path":"/securityContext"}]'))).rejects.toEqual(
      forbidden,
    );
    await expect(by.delete('Binary', id)).rejects.toEqual(forbidden);
    for (const type of ['batch', 'transaction']) {
      const entry = [{ request: { method: 'DELETE', url: `Binary/${id}` } }];
      const answer = by.processBundle(JSON.stringify({ resourceType: 'Bundle', type, entry }), baseUrl);
      if (type === 'batch') expect(await answer).toContain('"status":"403"');
      else await expect(answer).rejects.toEqual(forbidden);
    }
    expect(await contextOf(id)).toEqual({ reference: theirs });
  });

  test('cannot bring a deleted Binary back by PUT, though they administer the project, nor delete it again', async () => {
    const id = await stored(theirs);
    await owner.delete('Binary', id);
    const noPatients = policyByType((_, type) => type !== 'Patient', { reason: 'test', projectAdmin: true });
    const by = await t.repository({ policy: noPatients });
    await expect(by.update('Binary', id, binary(undefined, { id }))).rejects.toEqual(forbidden);
    await expect(by.delete('Binary', id)).rejects.toEqual(forbidden);
    expect((await owner.update('Binary', id, binary(theirs, { id }))).created).toBe(true);
  });

  test('is not told that there is one, where no rule is about the Binary', async () => {
    const id = await stored(theirs);
    const by = await member({ resourceType: 'Binary', criteria: 'Binary?_tag=other' });
    const calls = [
      () => by.read('Binary', id),
      () => by.update('Binary', id, binary(mine, { id })),
      () => by.delete('Binary', id),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ message: 'Forbidden' });
  });

  test('is not told of the Binary by a conditional create: for them there is none', async () => {
    const guarded = tagged('guarded');
    const ids = [(await owner.create(binary(theirs, guarded))).version.id];
    expect((await owner.create(binary(), { ifNoneExist: '_tag=guarded' })).version.id).toBe(ids[0]);
    ids.push((await owner.create(binary(theirs, guarded))).version.id);
    const made = await (await reader()).create(binary(mine, guarded), { ifNoneExist: '_tag=guarded' });
    expect(made.created).toBe(true);
    expect(ids).not.toContain(made.version.id);
    const again = await (await reader()).create(binary(mine, guarded), { ifNoneExist: '_tag=guarded' });
    expect([again.created, again.version.id]).toEqual([false, made.version.id]);
    await expect(owner.create(binary(), { ifNoneExist: '_tag=guarded' })).rejects.toEqual(failed('multiple-matches'));
  });

  test('is not told of it by a conditional update, patch or delete either', async () => {
    const [query, hidden] = ['_tag=conditional', tagged('conditional')];
    const { id } = (await owner.create(binary(theirs, hidden))).version;
    const by = await reader();
    await expect(by.conditionalPatch('Binary', query, jsonPatch('[]'))).rejects.toEqual(failed('not-found'));
    await by.conditionalDelete('Binary', query);
    expect(await contextOf(id)).toEqual({ reference: theirs });
    const put = await by.conditionalUpdate('Binary', query, binary(mine, hidden));
    expect(put.created).toBe(true);
    await by.conditionalDelete('Binary', query);
    await expect(by.read('Binary', put.version.id)).rejects.toEqual(failed('gone'));
    expect(await contextOf(id)).toEqual({ reference: theirs });
  });

  test('is not told of it by a conditional reference', async () => {
    await owner.create(binary(theirs, tagged('referred')));
    const by = await reader();
    const refer = (code: string) => {
      const subject = { reference: `Binary?_tag=${code}` };
      const resource = { resourceType: 'Basic', code: { text: 'x' }, subject };
      const entry = [{ request: { method: 'POST', url: 'Basic' }, resource }];
      return by.processBundle(JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }), baseUrl);
    };
    await expect(refer('referred')).rejects.toEqual(failed('invalid'));
    await expect(refer('nothing')).rejects.toEqual(failed('invalid'));
    const { id } = (await owner.create(binary(mine, tagged('referred')))).version;
    expect(await refer('referred')).toContain(`"Binary/${id}"`);
  });

  test.each(['subject:Binary._tag=x', '_filter=subject:Binary._tag eq x', '_has:Basic:subject:subject:Binary._tag=x'])(
    'cannot search Binaries through what refers to them: %s',
    async (query) => {
      const [name = '', ...value] = query.split('=');
      const pairs: [string, string][] = [[name, value.join('=')]];
      const search = (type: string) =>
        reader().then((by) => by.search(parseSearch(t.tenant.version, type, pairs, { handling: 'strict' })));
      await expect(search('Basic')).rejects.toMatchObject({
        category: 'invalid',
        message: expect.stringMatching(/^Binaries cannot be searched/) as unknown,
      });
    },
  );
});

describe('whoever can read the security context', () => {
  test('may change and delete the Binary and name another context that they can read', async () => {
    const id = await stored(mine);
    const by = await reader();
    const another = `Patient/${(await owner.create(aPatient())).version.id}`;
    await by.update('Binary', id, binary(another, { id }));
    expect(await contextOf(id)).toEqual({ reference: another });
    expect((await by.delete('Binary', id)).deleted).toBe(true);
  });

  test('keeps the stored context when the write says that it is to be kept', async () => {
    const id = await stored(mine);
    const by = await reader();
    const upload = binary(undefined, { id, contentType: 'image/png' });
    await by.update('Binary', id, upload, { keep: ['securityContext'] });
    expect(parse((await owner.read('Binary', id)).body)).toMatchObject({
      contentType: 'image/png',
      securityContext: { reference: mine },
    });
  });
});

describe('whoever may not set the security context', () => {
  test.each([['readonlyFields'], ['hiddenFields']])(
    'by %s cannot store openly what was to be guarded',
    async (fields) => {
      const by = await member({ resourceType: 'Binary', [fields]: ['securityContext'] }, { resourceType: 'Patient' });
      await expect(by.create(binary(mine))).rejects.toEqual(forbidden);
      const open = await stored();
      await expect(by.update('Binary', open, binary(mine, { id: open }))).rejects.toEqual(forbidden);
      const guarded = await stored(mine);
      for (const context of [theirs, undefined]) {
        await by.update('Binary', guarded, binary(context, { id: guarded, contentType: `text/${context ?? 'none'}` }));
        expect(await contextOf(guarded)).toEqual({ reference: mine });
      }
      expect((await by.create(binary())).created).toBe(true);
    },
  );
});

describe('a transaction', () => {
  const entries = (active: boolean) => [
    {
      fullUrl: 'urn:uuid:binary',
      resource: {
        resourceType: 'Binary',
        contentType: 'text/plain',
        securityContext: { reference: 'urn:uuid:patient' },
      },
      request: { method: 'POST', url: 'Binary' },
    },
    {
      fullUrl: 'urn:uuid:patient',
      resource: { resourceType: 'Patient', active },
      request: { method: 'POST', url: 'Patient' },
    },
  ];
  const send = async (by: ResourceRepository, active: boolean) =>
    by.processBundle(JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry: entries(active) }), baseUrl);

  test('may make a Binary together with its security context, if the writer can read that', async () => {
    expect(await send(await reader(), true)).toContain('"status":"201"');
    const blind = await member(
      { resourceType: 'Binary' },
      { resourceType: 'Patient', interaction: ['create'] },
      { resourceType: 'Patient', criteria: 'Patient?active=true' },
    );
    await expect(send(blind, false)).rejects.toEqual(forbidden);
  });
});

describe('a search of Binaries', () => {
  test('is a bad request for everybody', async () => {
    const request = parseSearch(t.tenant.version, 'Binary', '', { handling: 'strict' });
    for (const by of [owner, await reader()])
      await expect(by.search(request)).rejects.toMatchObject({ issues: [{ severity: 'error' }] });
    const entry = [{ request: { method: 'GET', url: 'Binary?_id=x' } }];
    expect(
      await owner.processBundle(JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry }), baseUrl),
    ).toContain('"status":"400"');
  });
});
