/** Reading, changing and deleting projects, and the record that is kept of it. */
import { AuditRepository } from '#control-database';
import { aSlug, type Reply } from './control-plane.fixture.js';
import { fields, ProjectRequests } from './control-projects.fixture.js';

let requests: ProjectRequests;
beforeAll(async () => {
  requests = await ProjectRequests.open();
});
afterAll(() => requests.close());

describe('reading projects', () => {
  test('by id and by slug, with an ETag; unknown ones are 404', async () => {
    const { id, slug } = await requests.anActiveProject();
    const bySlug = await requests.plane.send('GET', `/projects/${slug}`);
    const byId = await requests.plane.send('GET', `/projects/${id}`);
    expect(bySlug.body).toEqual(byId.body);
    expect(byId.headers.get('etag')).toBe(`W/"${byId.body.revision}"`);
    expect(JSON.stringify(byId.body)).not.toMatch(/secret|password|dataKey|created_by|createdBy/i);
    for (const unknown of [
      'not-there',
      '01a1fc68-4f3b-7707-ba7e-dcab7dda5d37',
      '%00',
      "x'--",
      '..%2f',
      'x'.repeat(500),
    ]) {
      const { status, body } = await requests.plane.send('GET', `/projects/${unknown}`);
      expect({ status, code: body.code }).toEqual({ status: 404, code: 'project-not-found' });
    }
  });

  test('the list pages in order of creation and filters by all conditions', async () => {
    const word = aSlug();
    const made: string[] = [];
    for (const tier of ['gold', 'gold', 'iron']) {
      made.push(
        (await requests.create(fields(aSlug(), { name: `Ward ${word}`, labels: { tier, a: 'b:c' } }))).body.project.id,
      );
    }
    const idsOf = async (query: string) => {
      const { body } = await requests.plane.send('GET', `/projects?q=${word.toUpperCase()}&${query}`);
      return body.items.map(({ id }: { id: string }) => id) as string[];
    };
    expect(await idsOf('')).toEqual(made);
    expect(await idsOf('label=tier:gold')).toEqual(made.slice(0, 2));
    expect(await idsOf('label=tier:iron&label=a:b:c')).toEqual(made.slice(2));
    expect(await idsOf('label=tier:iron&label=a:x')).toEqual([]);
    expect(await idsOf('label=tier:iron&label=tier:gold')).toEqual([]);
    expect(await idsOf('state=provisioning')).toEqual(made);
    expect(await idsOf('state=active')).toEqual([]);
    expect(await idsOf('clusterId=cl_none')).toEqual([]);

    const seen: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const cursor: string = next === '' ? '' : `&cursor=${next}`;
      const { body }: Reply = await requests.plane.send('GET', `/projects?q=${word}&limit=2${cursor}`);
      expect(body.items.length).toBeLessThanOrEqual(2);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
      next = body.next;
    }
    expect(seen).toEqual(made);
  });

  test.each([
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['cursor=nonsense', 'cursor'],
    ['state=unknown', 'state'],
    ['label=tier', 'label'],
    ['label=a%00:b', 'label'],
    ['q=%00', 'q'],
    ['q=a&q=b', 'q'],
    ['clusterId=%00', 'clusterId'],
    ['page=1', 'page'],
    ['__proto__=1', '__proto__'],
  ])('?%s is refused', async (query, field) => {
    const { status, body } = await requests.plane.send('GET', `/projects?${query}`);
    expect({ status, fields: body.errors?.map((error: { field: string }) => error.field) }).toEqual({
      status: 400,
      fields: [field],
    });
  });
});

describe('changing a project', () => {
  test('sets the name, sets and removes labels, and raises the revision', async () => {
    const { slug } = await requests.anActiveProject();
    const route = `/projects/${slug}`;
    await requests.plane.send('PATCH', route, { body: { labels: { tier: 'gold', ring: '1' } } });
    const { status, body, headers } = await requests.plane.send('PATCH', route, {
      body: { name: ' Quay Clinics ', labels: { tier: null } },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ name: 'Quay Clinics', labels: { ring: '1' } });
    expect(headers.get('etag')).toBe(`W/"${body.revision}"`);
    expect((await requests.plane.send('GET', route)).body).toEqual(body);
  });

  test('never leaves a project with more labels than a new one may have', async () => {
    const { slug } = await requests.anActiveProject();
    const labels = (from: number, count: number, value: string | null = 'x') =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${from + index}`, value]));
    const patch = (change: object) => requests.plane.send('PATCH', `/projects/${slug}`, { body: { labels: change } });
    expect((await patch(labels(0, 64))).status).toBe(200);
    const refused = await patch(labels(64, 1));
    expect([refused.status, refused.body.errors]).toEqual([
      400,
      [{ field: 'labels', message: 'must hold at most 64 labels' }],
    ]);
    expect((await patch({ ...labels(0, 1, null), ...labels(64, 1) })).status).toBe(200);
  });

  test('is refused when the project has changed meanwhile', async () => {
    const { slug, etag } = await requests.anActiveProject();
    const patch = (ifMatch: string) =>
      requests.plane.send('PATCH', `/projects/${slug}`, { body: { name: 'x' }, headers: { 'if-match': ifMatch } });
    expect((await patch(etag)).status).toBe(200);
    const stale = await patch(etag);
    expect({ status: stale.status, code: stale.body.code }).toEqual({ status: 412, code: 'revision-mismatch' });
    expect((await patch('*')).status).toBe(200);
    expect((await patch('nonsense')).status).toBe(412);
  });

  test('of two changes at once with one ETag one wins', async () => {
    const { slug, etag } = await requests.anActiveProject();
    const replies = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) =>
        requests.plane.send('PATCH', `/projects/${slug}`, { body: { name }, headers: { 'if-match': etag } }),
      ),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
  });

  test.each([
    [{ slug: 'Other' }, ['slug']],
    [{ slug: null }, ['slug']],
    [{ name: null }, ['name']],
    [{ labels: null }, ['labels']],
    [{ labels: { 'bad key': 'x' } }, ['labels']],
    [{ state: 'active', revision: 3 }, ['revision', 'state']],
  ])('%j is refused', async (body, expected) => {
    const { slug } = await requests.anActiveProject();
    const reply = await requests.plane.send('PATCH', `/projects/${slug}`, { body });
    expect(reply.status).toBe(400);
    expect(reply.body.errors.map(({ field }: { field: string }) => field).sort()).toEqual(expected);
  });
});

describe('deleting a project', () => {
  const remove = (slug: string, body: object) => requests.plane.send('DELETE', `/projects/${slug}`, { body });

  test('takes it offline at once, keeps it for 30 days, and a repeat keeps the date', async () => {
    const { id, slug } = await requests.anActiveProject();
    const { status, body, headers } = await remove(slug, { confirm: slug });
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/control/v1/operations/${body.operation.id}`);
    expect(body).toMatchObject({
      changed: true,
      project: { id, state: 'deleting' },
      operation: { kind: 'project.delete', state: 'queued' },
    });
    const days = (Date.parse(body.project.purgeAfter) - Date.now()) / 86_400_000;
    expect(days).toBeCloseTo(30, 2);
    expect((await requests.operations.get(body.operation.id)).params).toEqual({ purgeAfter: body.project.purgeAfter });
    expect((await requests.projects.get(id)).previousState).toBe('active');

    const during = await remove(slug, { confirm: slug, retentionDays: 1 });
    expect({ status: during.status, ...during.body }).toMatchObject({
      status: 202,
      changed: false,
      project: { purgeAfter: body.project.purgeAfter },
      operation: { id: body.operation.id },
    });
    await requests.plane.end(body.operation.id);
    const later = await remove(slug, { confirm: slug, retentionDays: 1 });
    expect({ status: later.status, ...later.body }).toMatchObject({
      status: 200,
      changed: false,
      operation: null,
      project: { purgeAfter: body.project.purgeAfter },
    });
  });

  test('needs the slug typed again', async () => {
    const { id, slug } = await requests.anActiveProject();
    for (const body of [
      {},
      { confirm: id },
      { confirm: 'other' },
      { confirm: slug, retentionDays: -1 },
      { confirm: slug, retentionDays: 1.5 },
    ]) {
      expect((await remove(slug, body)).status).toBe(400);
    }
    expect((await requests.projects.get(id)).state).toBe('active');
  });

  test('is refused, as a purge is, when the project has changed since it was read', async () => {
    const { id, slug, etag } = await requests.anActiveProject();
    expect((await requests.plane.send('PATCH', `/projects/${slug}`, { body: { name: 'In use again' } })).status).toBe(
      200,
    );
    const send = (method: string, route: string, ifMatch: string) =>
      requests.plane.send(method, `/projects/${slug}${route}`, {
        body: { confirm: slug },
        headers: { 'if-match': ifMatch },
      });
    const stale = await send('DELETE', '', etag);
    expect([stale.status, stale.body.code]).toEqual([412, 'revision-mismatch']);
    const { state, revision } = await requests.projects.get(id);
    expect(state).toBe('active');
    const deletion = await send('DELETE', '', `W/"${revision}"`);
    expect(deletion.status).toBe(202);
    await requests.plane.end(deletion.body.operation.id);
    expect((await send('POST', '/purge', `W/"${revision}"`)).status).toBe(412);
  });

  test('with no retention is a purge', async () => {
    const { id, slug } = await requests.anActiveProject();
    const { status, body } = await remove(slug, { confirm: slug, retentionDays: 0 });
    expect(status).toBe(202);
    expect(body).toMatchObject({ project: { id, state: 'deleting' }, operation: { kind: 'project.purge' } });
    const again = await remove(slug, { confirm: slug, retentionDays: 0 });
    expect(again.body).toMatchObject({ changed: false, operation: { id: body.operation.id } });
  });

  test('is refused while another operation works on the project, and names it', async () => {
    const slug = aSlug();
    const created = await requests.create(fields(slug));
    const { status, body } = await remove(slug, { confirm: slug });
    expect({ status, code: body.code, operation: body.operation }).toEqual({
      status: 409,
      code: 'operation-in-progress',
      operation: created.body.operation.id,
    });
    const { id, slug: other } = await requests.anActiveProject();
    await requests.plane.dataSource.query(`UPDATE project SET state = 'maintenance' WHERE id = $1`, [id]);
    const refused = await remove(other, { confirm: other });
    expect(refused.body).toMatchObject({ code: 'invalid-transition', from: 'maintenance', to: 'deleting' });
  });

  test('of many at once one begins it', async () => {
    const { slug } = await requests.anActiveProject();
    const replies = await Promise.all(Array.from({ length: 5 }, () => remove(slug, { confirm: slug })));
    expect(replies.filter(({ body }) => body.changed)).toHaveLength(1);
    expect(new Set(replies.map(({ body }) => body.operation.id)).size).toBe(1);
  });

  test('a purge follows a deletion only, waits for its operation, and can be repeated', async () => {
    const { id, slug } = await requests.anActiveProject();
    const purge = () => requests.plane.send('POST', `/projects/${slug}/purge`, { body: { confirm: slug } });
    expect((await purge()).body).toMatchObject({ code: 'invalid-transition', from: 'active', allowed: ['deleting'] });
    const deletion = await remove(slug, { confirm: slug });
    expect((await purge()).body).toMatchObject({
      code: 'operation-in-progress',
      operation: deletion.body.operation.id,
    });
    await requests.plane.end(deletion.body.operation.id);
    const { status, body } = await purge();
    expect(status).toBe(202);
    expect(body).toMatchObject({ changed: true, operation: { kind: 'project.purge' } });
    expect(Date.parse(body.project.purgeAfter)).toBeLessThanOrEqual(Date.now());
    expect((await purge()).body).toMatchObject({ changed: false, operation: { id: body.operation.id } });

    const { fence } = (await requests.operations.claim(body.operation.id, 'w', 10_000))!;
    await requests.projects.markDeleted(id, { fence, namesFreeAfter: new Date(Date.now() + 60_000) });
    await requests.operations.finish(body.operation.id, fence, 'succeeded');
    expect((await requests.plane.send('GET', `/projects/${slug}`)).status).toBe(404);
    expect((await requests.plane.send('GET', `/projects/${id}`)).body).toMatchObject({
      state: 'deleted',
      baseUrls: [],
    });
    const again = await requests.plane.send('POST', `/projects/${id}/purge`, { body: { confirm: slug } });
    expect({ status: again.status, changed: again.body.changed }).toEqual({ status: 200, changed: false });
    const patch = await requests.plane.send('PATCH', `/projects/${id}`, { body: { name: 'x' } });
    expect(patch.status).toBe(410);
    const listed = async (query: string) =>
      (await requests.plane.send('GET', `/projects?q=${slug}&${query}`)).body.items.length as number;
    expect([await listed(''), await listed('state=deleted')]).toEqual([0, 1]);
    expect((await requests.create(fields(slug))).body.code).toBe('slug-taken');
  });
});

describe('the audit log', () => {
  test('has a record for every change, in one chain, and no secret', async () => {
    const { token, id: operatorId } = await requests.plane.operator('operator');
    const body = fields();
    const created = await requests.create(body, { token, headers: { 'x-request-id': 'create-1' } });
    await requests.plane.build(created.body.operation.id);
    await requests.plane.send('PATCH', `/projects/${body.slug}`, { token, body: { name: 'New name' } });
    await requests.plane.send('DELETE', `/projects/${body.slug}`, { token, body: { confirm: body.slug } });
    const audit = new AuditRepository(requests.plane.dataSource);
    const records = (await audit.listAfter('0', 10_000)).filter(({ actor }) => actor === `operator:${operatorId}`);
    const target = `project:${created.body.project.id}`;
    expect(records.map(({ action, target: of, outcome }) => [action, of, outcome])).toEqual([
      ['project.create', target, 'success'],
      ['project.update', target, 'success'],
      ['project.delete', target, 'success'],
    ]);
    expect(records[0]).toMatchObject({ requestId: 'create-1', beforeHash: '' });
    expect(records[1]!.beforeHash).not.toBe(records[1]!.afterHash);
    expect(records[2]!.beforeHash).toBe(records[1]!.afterHash);
    expect(await audit.verifyChain()).toMatchObject({ intact: true });
  });
});
