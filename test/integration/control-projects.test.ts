import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AuditRepository, OperationRepository, ProjectRepository } from '#control-database';
import { verifyPassword } from '#platform';
import {
  aControlPlane,
  aSlug,
  type ControlPlane,
  type Reply,
  type RequestOptions,
  until,
} from './control-plane.fixture.js';

let plane: ControlPlane;
let operations: OperationRepository;
let projects: ProjectRepository;
beforeAll(async () => {
  plane = await aControlPlane();
  operations = new OperationRepository(plane.dataSource);
  projects = new ProjectRepository(plane.dataSource);
});
afterAll(async () => {
  await plane.stop();
});

const fields = (slug = aSlug(), more: object = {}) => ({ slug, name: 'Quay Clinic', fhirVersion: '4.0.1', ...more });
const create = (body: object = fields(), options: RequestOptions = {}): Promise<Reply> =>
  plane.send('POST', '/projects', { body, ...options });

/** Creates a project as `create` does and, as a worker would, builds it as soon as its operation is queued. */
async function createAndBuild(body: { slug: string } = fields(), options: RequestOptions = {}): Promise<Reply> {
  const reply = create(body, { ...options, headers: { prefer: 'wait=20', ...options.headers } });
  let operationId: string | undefined;
  await until(async () => {
    const project = await projects.find(body.slug);
    operationId = project && (await operations.findUnfinished(project.id))?.id;
    return operationId !== undefined;
  });
  await plane.build(operationId!);
  return reply;
}

async function anActiveProject(): Promise<{ id: string; slug: string; etag: string }> {
  const slug = aSlug();
  const { body } = await create(fields(slug));
  await plane.build(body.operation.id);
  const { headers } = await plane.send('GET', `/projects/${slug}`);
  return { id: body.project.id, slug, etag: headers.get('etag')! };
}

describe('creating a project', () => {
  test('answers 202 with the project, its operation and where to poll, and queues the work', async () => {
    const body = fields(aSlug(), { labels: { tier: 'gold' } });
    const reply = await create(body);
    expect(reply.status).toBe(202);
    expect(reply.headers.get('location')).toBe(`/control/v1/operations/${reply.body.operation.id}`);
    expect(reply.body).toEqual({
      project: {
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
        slug: body.slug,
        name: 'Quay Clinic',
        state: 'provisioning',
        reason: null,
        maintenanceMode: null,
        fhirVersion: '4.0.1',
        schemaVersion: null,
        schemaPin: null,
        maintenanceWindow: null,
        clusterId: null,
        labels: { tier: 'gold' },
        baseUrls: [`http://${body.slug}.localhost:4100/`, `http://127.0.0.1:4100/p/${body.slug}/`],
        createdAt: expect.any(String),
        purgeAfter: null,
        revision: 1,
      },
      operation: expect.objectContaining({
        kind: 'project.create',
        state: 'queued',
        attempt: 0,
        steps: [],
        error: null,
      }),
    });
    expect(await operations.listRunnable(1_000)).toContain(reply.body.operation.id);
  });

  test('wakes a worker: the hint is in the queue', async () => {
    const { body } = await create();
    const jobs = await plane.dataSource.query<{ text: string }[]>('SELECT j::text AS text FROM bullmq.job j');
    expect(jobs.some(({ text }) => text.includes(body.operation.id))).toBe(true);
  });

  test('with Prefer: wait sends the hint when no worker has built the project after a moment', async () => {
    const body = fields();
    const reply = create(body, { headers: { prefer: 'wait=20' } });
    const hinted = async (id: string) => {
      const jobs = await plane.dataSource.query<{ text: string }[]>('SELECT j::text AS text FROM bullmq.job j');
      return jobs.some(({ text }) => text.includes(id));
    };
    await until(async () => (await projects.find(body.slug)) !== undefined);
    const { id } = (await operations.findUnfinished((await projects.find(body.slug))!.id))!;
    await until(() => hinted(id));
    await plane.build(id);
    expect((await reply).status).toBe(201);
  });

  test('with Prefer: wait answers 201 within milliseconds of the commit, with the secret of the admin client', async () => {
    const body = fields();
    let answeredAt = 0;
    const reply = create(body, { headers: { prefer: 'wait=20' } }).finally(() => (answeredAt = performance.now()));
    await until(async () => (await projects.find(body.slug)) !== undefined);
    const { id } = (await operations.findUnfinished((await projects.find(body.slug))!.id))!;
    await plane.build(id);
    const committedAt = performance.now();
    const { status, body: shown, headers } = await reply;
    // The fallback looks every second only, so this shows that the announcement was heard.
    expect(answeredAt - committedAt).toBeLessThan(500);
    expect(status).toBe(201);
    expect(headers.get('preference-applied')).toBe('wait=20');
    expect(headers.get('location')).toBe(`/control/v1/projects/${shown.project.id}`);
    expect(shown.project.state).toBe('active');
    expect(shown.operation).toMatchObject({ state: 'succeeded', steps: [{ name: 'reserve', state: 'done' }] });
    expect(shown.adminClient).toEqual({
      clientId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      clientSecret: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    });
    const { params } = await operations.get(id);
    expect(params).toMatchObject({
      fhirVersion: '4.0.1',
      name: 'Quay Clinic',
      adminClient: {
        clientId: shown.adminClient.clientId,
        secretSha256: createHash('sha256').update(shown.adminClient.clientSecret).digest('hex'),
      },
    });
    const claim = await plane.send('POST', `/operations/${id}/claim-secrets`);
    expect({ status: claim.status, code: claim.body.code }).toEqual({ status: 410, code: 'secrets-claimed' });
  });

  test('answers 202 when the project is not active within the wait, and when it has failed', async () => {
    const late = await create(fields(), { headers: { prefer: 'wait=1' } });
    expect(late.status).toBe(202);
    expect(late.body).not.toHaveProperty('adminClient');

    const body = fields();
    const reply = create(body, { headers: { prefer: 'respond-async, wait=20' } });
    await until(async () => (await projects.find(body.slug)) !== undefined);
    const operation = (await operations.findUnfinished((await projects.find(body.slug))!.id))!;
    const { fence } = (await operations.claim(operation.id, 'w', 1_000))!;
    await projects.setState(operation.projectId!, 'failed', { fence, reason: 'the cluster is full' });
    await operations.finish(operation.id, fence, 'failed', { code: 'no-capacity', message: 'No cluster has room.' });
    const failed = await reply;
    expect(failed.status).toBe(202);
    expect(failed.body.project).toMatchObject({ state: 'failed', reason: 'the cluster is full' });
    expect(failed.body.operation.error).toEqual({
      code: 'no-capacity',
      message: 'No cluster has room.',
      step: null,
      retryable: false,
    });
  });

  test('a client that has gone away leaves its secret to be claimed', async () => {
    const body = fields();
    const { token } = await plane.operator('operator');
    const socket = connect(Number(new URL(plane.url).port), '127.0.0.1');
    const text = JSON.stringify(body);
    socket.write(
      `POST /control/v1/projects HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nPrefer: wait=20\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    );
    await until(async () => (await projects.find(body.slug)) !== undefined);
    socket.destroy();
    await until(async () => (await operations.listRunnable(1_000)).length > 0);
    const { id } = (await operations.findUnfinished((await projects.find(body.slug))!.id))!;
    // The server learns of the closed connection on its own time.
    await new Promise((done) => setTimeout(done, 50));
    await plane.build(id);
    const claim = await plane.send('POST', `/operations/${id}/claim-secrets`, { token });
    expect(claim.body.adminClient.clientSecret).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test("hashes the owner's password before anything is written; an owner without one is invited", async () => {
    const owner = {
      email: 'ana@quay.example.org',
      password: 'anas-secret-password',
      firstName: ' Ana ',
      lastName: 'Quay',
    };
    const { body } = await create(fields(aSlug(), { owner }));
    const { params } = await operations.get(body.operation.id);
    const stored = params['owner'] as { passwordHash: string };
    expect(stored).toEqual({
      email: owner.email,
      firstName: 'Ana',
      lastName: 'Quay',
      passwordHash: expect.stringMatching(/^\$scrypt\$/),
    });
    expect(await verifyPassword(owner.password, stored.passwordHash, 'test')).toBe(true);

    const invited = await createAndBuild(fields(aSlug(), { owner: { email: 'ben@quay.example.org' } }));
    expect(invited.status).toBe(201);
    expect(invited.body).not.toHaveProperty('ownerInvitation');
    const claim = await plane.send('POST', `/operations/${invited.body.operation.id}/claim-secrets`);
    expect(claim.status).toBe(200);
    expect(claim.body).not.toHaveProperty('adminClient');
    expect(claim.body.ownerInvitation.email).toBe('ben@quay.example.org');
    const invitation = (await operations.get(invited.body.operation.id)).params['owner'] as {
      inviteSecretSha256: string;
    };
    expect(invitation.inviteSecretSha256).toBe(
      createHash('sha256')
        .update(claim.body.ownerInvitation.secret as string)
        .digest('hex'),
    );
  });

  test('a slug that is taken is refused', async () => {
    const { slug } = await anActiveProject();
    const { status, body } = await create(fields(slug));
    expect({ status, code: body.code }).toEqual({ status: 409, code: 'slug-taken' });
  });

  test.each(['6.0.0', 'R6', '3.0.2', 'r4', ''])('FHIR version %j is refused with 422', async (fhirVersion) => {
    const { status, body } = await create(fields(aSlug(), { fhirVersion }));
    expect({ status, code: body.code }).toEqual({ status: 422, code: 'unsupported-fhir-version' });
  });

  test.each([
    ['R4', '4.0.1'],
    ['R4B', '4.3.0'],
    ['R5', '5.0.0'],
  ])('%s means %s', async (fhirVersion, id) => {
    expect((await create(fields(aSlug(), { fhirVersion }))).body.project.fhirVersion).toBe(id);
  });

  test('every bad field is named once, nested and unknown ones too', async () => {
    const { status, body, headers } = await create({
      slug: 'Bad--Slug',
      name: '',
      fhirVersion: 4,
      plan: 'gold',
      labels: { tier: 7 },
      owner: { email: 'nobody', password: 'short', firstName: 'A\u0000', role: 'admin' },
    });
    expect(status).toBe(400);
    expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(body).toMatchObject({ type: 'about:blank', title: 'Bad Request', status: 400, code: 'validation' });
    expect(body.requestId).toBe(headers.get('x-request-id'));
    const byField = Object.fromEntries(
      body.errors.map(({ field, message }: { field: string; message: string }) => [field, message]),
    );
    expect(byField).toEqual({
      slug: 'may hold only lower-case letters a to z, digits and hyphens',
      name: 'must not be empty',
      fhirVersion: 'must be a text',
      plan: 'is not a known property',
      labels: 'must have a text as the value of tier',
      'owner.email': 'must be an e-mail address',
      'owner.password': 'must be 8 to 72 bytes long',
      'owner.firstName': 'must not contain control characters',
      'owner.role': 'is not a known property',
    });
    expect(body.errors).toHaveLength(9);
  });

  test.each([
    [{}, ['fhirVersion', 'name', 'slug']],
    [fields('www'), ['slug']],
    [fields('ab'), ['slug']],
    [fields(aSlug(), { owner: [] }), ['owner']],
    [fields(aSlug(), { owner: 'ana' }), ['owner']],
    [fields(aSlug(), { owner: {} }), ['owner.email']],
    [fields(aSlug(), { labels: [] }), ['labels']],
    [fields(aSlug(), { name: 'x'.repeat(201) }), ['name']],
    [fields(aSlug(), { name: '\ud800' }), ['name']],
    [fields(aSlug(), { constructor: 1 }), ['constructor']],
  ])('%j is refused for %j', async (body, expected) => {
    const reply = await create(body);
    expect(reply.status).toBe(400);
    expect(reply.body.errors.map(({ field }: { field: string }) => field).sort()).toEqual(expected);
  });

  test('a creation that fails writes nothing', async () => {
    const { slug } = await anActiveProject();
    const count = async () =>
      (
        await plane.dataSource.query<{ all: string }[]>(
          `SELECT (SELECT count(*) FROM project) || '/' || (SELECT count(*) FROM operation) || '/' ||
                  (SELECT count(*) FROM sealed_secret) || '/' || (SELECT count(*) FROM audit_record) AS all`,
        )
      )[0]!.all;
    const before = await count();
    await create(fields(slug));
    await create(fields(aSlug(), { fhirVersion: 'R6' }));
    await create(fields('no'));
    expect(await count()).toBe(before);
  });
});

describe('Idempotency-Key', () => {
  const key = () => ({ 'idempotency-key': `key-${aSlug()}` });

  test('the same request again gets the first answer, without the secret, and makes no second project', async () => {
    const headers = key();
    const body = fields();
    const first = await createAndBuild(body, { headers });
    expect(first.status).toBe(201);
    const again = await create(body, { headers: { ...headers, prefer: 'wait=20' } });
    expect(again.status).toBe(201);
    expect(again.headers.get('idempotent-replay')).toBe('true');
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    const { adminClient, ...rest } = first.body;
    expect(again.body).toEqual({ ...rest, secretsClaimed: true });
    expect(JSON.stringify(again.body)).not.toContain(adminClient.clientSecret);
    expect(first.body).not.toHaveProperty('secretsClaimed');
    expect(first.headers.get('idempotent-replay')).toBeNull();
  });

  test('the order of members does not make another request', async () => {
    const headers = key();
    const { slug, name, fhirVersion } = fields();
    const first = await create({ slug, name, fhirVersion }, { headers });
    const again = await create({ fhirVersion, slug, name }, { headers });
    expect(again.body.project.id).toBe(first.body.project.id);
  });

  test('another body, path or method under the key is refused', async () => {
    const headers = key();
    const body = fields();
    await create(body, { headers });
    const others = [
      await create({ ...body, name: 'Another' }, { headers }),
      await plane.send('PATCH', `/projects/${body.slug}`, { body, headers }),
      await plane.send('POST', '/api-keys', { body: { name: 'x', role: 'auditor' }, headers }),
    ];
    // The PATCH is refused for its unknown fields before its key is looked at.
    expect(others.map(({ status, body: { code } }) => [status, code])).toEqual([
      [409, 'idempotency-mismatch'],
      [400, 'validation'],
      [409, 'idempotency-mismatch'],
    ]);
  });

  test('keys of different callers do not meet', async () => {
    const headers = key();
    const { token } = await plane.operator('operator');
    const first = await create(fields(), { headers });
    const second = await create(fields(), { headers, token });
    expect([first.status, second.status]).toEqual([202, 202]);
  });

  test('while the first request runs, a second is refused', async () => {
    const headers = key();
    const body = fields();
    const first = create(body, { headers: { ...headers, prefer: 'wait=20' } });
    await until(async () => (await projects.find(body.slug)) !== undefined);
    const second = await create(body, { headers });
    expect({ status: second.status, code: second.body.code }).toEqual({ status: 409, code: 'idempotency-in-flight' });
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0);
    await plane.build((await operations.findUnfinished((await projects.find(body.slug))!.id))!.id);
    expect((await first).status).toBe(201);
  });

  test('of many equal requests at once one makes the project', async () => {
    const headers = key();
    const body = fields();
    const replies = await Promise.all(Array.from({ length: 6 }, () => create(body, { headers })));
    const ids = new Set(replies.flatMap((reply) => reply.body.project?.id ?? []));
    expect(ids.size).toBe(1);
    for (const { status, body: shown } of replies) {
      if (status !== 202) expect(shown.code).toBe('idempotency-in-flight');
    }
  });

  test('after a crash between the commit and the answer, the answer of the commit is replayed', async () => {
    const headers = key();
    const body = fields();
    const first = await create(body, { headers });
    // What a process leaves that dies right after the commit: the recorded answer, not settled.
    await plane.dataSource.query(
      `UPDATE idempotency_key SET state = 'running', reserved_until = now() - interval '1 s' WHERE key = $1`,
      [headers['idempotency-key']],
    );
    const again = await create(body, { headers });
    expect(again.status).toBe(202);
    expect(again.body).toEqual({ ...first.body, secretsClaimed: true });
    await plane.build(first.body.operation.id);
    const claim = await plane.send('POST', `/operations/${first.body.operation.id}/claim-secrets`);
    expect(claim.body.adminClient).toBeDefined();
  });

  test('a lasting refusal is replayed, a bad request is not kept', async () => {
    const { slug } = await anActiveProject();
    const headers = key();
    const first = await create(fields(slug), { headers });
    const again = await create(fields(slug), { headers });
    expect(again.status).toBe(409);
    expect(again.headers.get('idempotent-replay')).toBe('true');
    expect(again.headers.get('content-type')).toContain('application/problem+json');
    expect(again.body).toEqual(first.body);

    const other = key();
    expect((await create(fields('no'), { headers: other })).status).toBe(400);
    expect((await create(fields(), { headers: other })).status).toBe(202);
  });

  test('a key of the wrong form is refused', async () => {
    for (const bad of ['x'.repeat(129), 'two words']) {
      const { status, body } = await create(fields(), { headers: { 'idempotency-key': bad } });
      expect({ status, errors: body.errors?.[0]?.field }).toEqual({ status: 400, errors: 'Idempotency-Key' });
    }
  });

  test('nothing that was typed or generated as a secret is stored readable', async () => {
    const headers = key();
    const owner = { email: 'ana@quay.example.org', password: 'anas-secret-password' };
    const reply = await createAndBuild(fields(aSlug(), { owner }), { headers });
    const tables = ['project', 'operation', 'operation_step', 'sealed_secret', 'idempotency_key', 'audit_record'];
    for (const table of tables) {
      const rows = await plane.dataSource.query<{ text: string }[]>(`SELECT t::text AS text FROM ${table} t`);
      const text = rows.map((row) => row.text).join('\n');
      expect(text).not.toContain(owner.password);
      expect(text).not.toContain(reply.body.adminClient.clientSecret);
    }
    expect(plane.log()).not.toContain(owner.password);
    expect(plane.log()).not.toContain(reply.body.adminClient.clientSecret);
  });
});

describe('claiming secrets', () => {
  test('works once, for the creator only, after the project is built', async () => {
    const { body } = await create();
    const route = `/operations/${body.operation.id}/claim-secrets`;
    expect((await plane.send('POST', route)).body.code).toBe('operation-not-succeeded');
    await plane.build(body.operation.id);

    const other = await plane.operator('platform-admin');
    const denied = await plane.send('POST', route, { token: other.token });
    expect({ status: denied.status, code: denied.body.code }).toEqual({ status: 403, code: 'not-the-creator' });
    const records = await new AuditRepository(plane.dataSource).listAfter('0', 10_000);
    expect(records.find(({ actor }) => actor === `operator:${other.id}`)).toMatchObject({
      action: 'operation.claim-secrets',
      outcome: 'not-the-creator',
    });

    const headers = { 'idempotency-key': `claim-${body.operation.id}` };
    const claims = await Promise.all([1, 2, 3].map(() => plane.send('POST', route)));
    expect(claims.map(({ status }) => status).sort()).toEqual([200, 410, 410]);
    expect(claims.find(({ status }) => status === 200)!.body).toMatchObject({
      project: body.project.id,
      adminClient: { clientSecret: expect.any(String) },
    });
    expect((await plane.send('POST', route, { headers })).status).toBe(410);
  });

  test('a replay of the claim holds no secret', async () => {
    const { body } = await create();
    await plane.build(body.operation.id);
    const headers = { 'idempotency-key': `claim-${body.operation.id}` };
    const route = `/operations/${body.operation.id}/claim-secrets`;
    const first = await plane.send('POST', route, { headers });
    const again = await plane.send('POST', route, { headers });
    expect(first.body.adminClient.clientSecret).toBeDefined();
    expect(again.body).toEqual({ operation: body.operation.id, project: body.project.id, secretsClaimed: true });
  });

  test('ends after an hour', async () => {
    const { body } = await create();
    await plane.build(body.operation.id);
    const [row] = await plane.dataSource.query<{ minutes: number }[]>(
      `SELECT round(extract(epoch FROM expires_at - now()) / 60)::int AS minutes FROM sealed_secret WHERE operation_id = $1`,
      [body.operation.id],
    );
    expect(row!.minutes).toBe(60);
    await plane.dataSource.query(
      `UPDATE sealed_secret SET expires_at = now() - interval '1 s' WHERE operation_id = $1`,
      [body.operation.id],
    );
    expect((await plane.send('POST', `/operations/${body.operation.id}/claim-secrets`)).status).toBe(410);
  });
});

describe('reading projects', () => {
  test('by id and by slug, with an ETag; unknown ones are 404', async () => {
    const { id, slug } = await anActiveProject();
    const bySlug = await plane.send('GET', `/projects/${slug}`);
    const byId = await plane.send('GET', `/projects/${id}`);
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
      const { status, body } = await plane.send('GET', `/projects/${unknown}`);
      expect({ status, code: body.code }).toEqual({ status: 404, code: 'project-not-found' });
    }
  });

  test('the list pages in order of creation and filters by all conditions', async () => {
    const word = aSlug();
    const made: string[] = [];
    for (const tier of ['gold', 'gold', 'iron']) {
      made.push((await create(fields(aSlug(), { name: `Ward ${word}`, labels: { tier, a: 'b:c' } }))).body.project.id);
    }
    const idsOf = async (query: string) => {
      const { body } = await plane.send('GET', `/projects?q=${word.toUpperCase()}&${query}`);
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
      const { body }: Reply = await plane.send('GET', `/projects?q=${word}&limit=2${cursor}`);
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
    const { status, body } = await plane.send('GET', `/projects?${query}`);
    expect({ status, fields: body.errors?.map((error: { field: string }) => error.field) }).toEqual({
      status: 400,
      fields: [field],
    });
  });
});

describe('changing a project', () => {
  test('sets the name, sets and removes labels, and raises the revision', async () => {
    const { slug } = await anActiveProject();
    const route = `/projects/${slug}`;
    await plane.send('PATCH', route, { body: { labels: { tier: 'gold', ring: '1' } } });
    const { status, body, headers } = await plane.send('PATCH', route, {
      body: { name: ' Quay Clinics ', labels: { tier: null } },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ name: 'Quay Clinics', labels: { ring: '1' } });
    expect(headers.get('etag')).toBe(`W/"${body.revision}"`);
    expect((await plane.send('GET', route)).body).toEqual(body);
  });

  test('never leaves a project with more labels than a new one may have', async () => {
    const { slug } = await anActiveProject();
    const labels = (from: number, count: number, value: string | null = 'x') =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${from + index}`, value]));
    const patch = (change: object) => plane.send('PATCH', `/projects/${slug}`, { body: { labels: change } });
    expect((await patch(labels(0, 64))).status).toBe(200);
    const refused = await patch(labels(64, 1));
    expect([refused.status, refused.body.errors]).toEqual([
      400,
      [{ field: 'labels', message: 'must hold at most 64 labels' }],
    ]);
    expect((await patch({ ...labels(0, 1, null), ...labels(64, 1) })).status).toBe(200);
  });

  test('is refused when the project has changed meanwhile', async () => {
    const { slug, etag } = await anActiveProject();
    const patch = (ifMatch: string) =>
      plane.send('PATCH', `/projects/${slug}`, { body: { name: 'x' }, headers: { 'if-match': ifMatch } });
    expect((await patch(etag)).status).toBe(200);
    const stale = await patch(etag);
    expect({ status: stale.status, code: stale.body.code }).toEqual({ status: 412, code: 'revision-mismatch' });
    expect((await patch('*')).status).toBe(200);
    expect((await patch('nonsense')).status).toBe(412);
  });

  test('of two changes at once with one ETag one wins', async () => {
    const { slug, etag } = await anActiveProject();
    const replies = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) =>
        plane.send('PATCH', `/projects/${slug}`, { body: { name }, headers: { 'if-match': etag } }),
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
    const { slug } = await anActiveProject();
    const reply = await plane.send('PATCH', `/projects/${slug}`, { body });
    expect(reply.status).toBe(400);
    expect(reply.body.errors.map(({ field }: { field: string }) => field).sort()).toEqual(expected);
  });
});

describe('deleting a project', () => {
  const remove = (slug: string, body: object) => plane.send('DELETE', `/projects/${slug}`, { body });

  test('takes it offline at once, keeps it for 30 days, and a repeat keeps the date', async () => {
    const { id, slug } = await anActiveProject();
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
    expect((await operations.get(body.operation.id)).params).toEqual({ purgeAfter: body.project.purgeAfter });
    expect((await projects.get(id)).previousState).toBe('active');

    const during = await remove(slug, { confirm: slug, retentionDays: 1 });
    expect({ status: during.status, ...during.body }).toMatchObject({
      status: 202,
      changed: false,
      project: { purgeAfter: body.project.purgeAfter },
      operation: { id: body.operation.id },
    });
    await plane.end(body.operation.id);
    const later = await remove(slug, { confirm: slug, retentionDays: 1 });
    expect({ status: later.status, ...later.body }).toMatchObject({
      status: 200,
      changed: false,
      operation: null,
      project: { purgeAfter: body.project.purgeAfter },
    });
  });

  test('needs the slug typed again', async () => {
    const { id, slug } = await anActiveProject();
    for (const body of [
      {},
      { confirm: id },
      { confirm: 'other' },
      { confirm: slug, retentionDays: -1 },
      { confirm: slug, retentionDays: 1.5 },
    ]) {
      expect((await remove(slug, body)).status).toBe(400);
    }
    expect((await projects.get(id)).state).toBe('active');
  });

  test('is refused, as a purge is, when the project has changed since it was read', async () => {
    const { id, slug, etag } = await anActiveProject();
    expect((await plane.send('PATCH', `/projects/${slug}`, { body: { name: 'In use again' } })).status).toBe(200);
    const send = (method: string, route: string, ifMatch: string) =>
      plane.send(method, `/projects/${slug}${route}`, { body: { confirm: slug }, headers: { 'if-match': ifMatch } });
    const stale = await send('DELETE', '', etag);
    expect([stale.status, stale.body.code]).toEqual([412, 'revision-mismatch']);
    const { state, revision } = await projects.get(id);
    expect(state).toBe('active');
    const deletion = await send('DELETE', '', `W/"${revision}"`);
    expect(deletion.status).toBe(202);
    await plane.end(deletion.body.operation.id);
    expect((await send('POST', '/purge', `W/"${revision}"`)).status).toBe(412);
  });

  test('with no retention is a purge', async () => {
    const { id, slug } = await anActiveProject();
    const { status, body } = await remove(slug, { confirm: slug, retentionDays: 0 });
    expect(status).toBe(202);
    expect(body).toMatchObject({ project: { id, state: 'deleting' }, operation: { kind: 'project.purge' } });
    const again = await remove(slug, { confirm: slug, retentionDays: 0 });
    expect(again.body).toMatchObject({ changed: false, operation: { id: body.operation.id } });
  });

  test('is refused while another operation works on the project, and names it', async () => {
    const slug = aSlug();
    const created = await create(fields(slug));
    const { status, body } = await remove(slug, { confirm: slug });
    expect({ status, code: body.code, operation: body.operation }).toEqual({
      status: 409,
      code: 'operation-in-progress',
      operation: created.body.operation.id,
    });
    const { id, slug: other } = await anActiveProject();
    await plane.dataSource.query(`UPDATE project SET state = 'maintenance' WHERE id = $1`, [id]);
    const refused = await remove(other, { confirm: other });
    expect(refused.body).toMatchObject({ code: 'invalid-transition', from: 'maintenance', to: 'deleting' });
  });

  test('of many at once one begins it', async () => {
    const { slug } = await anActiveProject();
    const replies = await Promise.all(Array.from({ length: 5 }, () => remove(slug, { confirm: slug })));
    expect(replies.filter(({ body }) => body.changed)).toHaveLength(1);
    expect(new Set(replies.map(({ body }) => body.operation.id)).size).toBe(1);
  });

  test('a purge follows a deletion only, waits for its operation, and can be repeated', async () => {
    const { id, slug } = await anActiveProject();
    const purge = () => plane.send('POST', `/projects/${slug}/purge`, { body: { confirm: slug } });
    expect((await purge()).body).toMatchObject({ code: 'invalid-transition', from: 'active', allowed: ['deleting'] });
    const deletion = await remove(slug, { confirm: slug });
    expect((await purge()).body).toMatchObject({
      code: 'operation-in-progress',
      operation: deletion.body.operation.id,
    });
    await plane.end(deletion.body.operation.id);
    const { status, body } = await purge();
    expect(status).toBe(202);
    expect(body).toMatchObject({ changed: true, operation: { kind: 'project.purge' } });
    expect(Date.parse(body.project.purgeAfter)).toBeLessThanOrEqual(Date.now());
    expect((await purge()).body).toMatchObject({ changed: false, operation: { id: body.operation.id } });

    const { fence } = (await operations.claim(body.operation.id, 'w', 10_000))!;
    await projects.markDeleted(id, { fence, namesFreeAfter: new Date(Date.now() + 60_000) });
    await operations.finish(body.operation.id, fence, 'succeeded');
    expect((await plane.send('GET', `/projects/${slug}`)).status).toBe(404);
    expect((await plane.send('GET', `/projects/${id}`)).body).toMatchObject({ state: 'deleted', baseUrls: [] });
    const again = await plane.send('POST', `/projects/${id}/purge`, { body: { confirm: slug } });
    expect({ status: again.status, changed: again.body.changed }).toEqual({ status: 200, changed: false });
    const patch = await plane.send('PATCH', `/projects/${id}`, { body: { name: 'x' } });
    expect(patch.status).toBe(410);
    const listed = async (query: string) =>
      (await plane.send('GET', `/projects?q=${slug}&${query}`)).body.items.length as number;
    expect([await listed(''), await listed('state=deleted')]).toEqual([0, 1]);
    expect((await create(fields(slug))).body.code).toBe('slug-taken');
  });
});

describe('the audit log', () => {
  test('has a record for every change, in one chain, and no secret', async () => {
    const { token, id: operatorId } = await plane.operator('operator');
    const body = fields();
    const created = await create(body, { token, headers: { 'x-request-id': 'create-1' } });
    await plane.build(created.body.operation.id);
    await plane.send('PATCH', `/projects/${body.slug}`, { token, body: { name: 'New name' } });
    await plane.send('DELETE', `/projects/${body.slug}`, { token, body: { confirm: body.slug } });
    const audit = new AuditRepository(plane.dataSource);
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
