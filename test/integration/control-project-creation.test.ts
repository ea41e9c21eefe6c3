/** What creating a project answers, when, and what it leaves for a worker. */
import { createHash } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connect, type Socket } from 'node:net';
import { verifyPassword } from '#platform';
import { aSlug, until } from './control-plane.fixture.js';
import { fields, ProjectRequests } from './control-projects.fixture.js';

let requests: ProjectRequests;
beforeAll(async () => {
  requests = await ProjectRequests.open();
});
afterAll(() => requests.close());

describe('creating a project', () => {
  test('answers 202 with the project, its operation and where to poll, and queues the work', async () => {
    const body = fields(aSlug(), { labels: { tier: 'gold' } });
    const reply = await requests.create(body);
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
    expect(await requests.operations.listRunnable(1_000)).toContain(reply.body.operation.id);
  });

  test('wakes a worker: the hint is in the queue', async () => {
    const { body } = await requests.create();
    const jobs = await requests.plane.dataSource.query<{ text: string }[]>('SELECT j::text AS text FROM bullmq.job j');
    expect(jobs.some(({ text }) => text.includes(body.operation.id))).toBe(true);
  });

  test('with Prefer: wait sends the hint when no worker has built the project after a moment', async () => {
    const body = fields();
    const reply = requests.create(body, { headers: { prefer: 'wait=20' } });
    const hinted = async (id: string) => {
      const jobs = await requests.plane.dataSource.query<{ text: string }[]>(
        'SELECT j::text AS text FROM bullmq.job j',
      );
      return jobs.some(({ text }) => text.includes(id));
    };
    const { id } = await requests.queued(body.slug);
    await until(() => hinted(id));
    await requests.plane.build(id);
    expect((await reply).status).toBe(201);
  });

  test('with Prefer: wait answers within milliseconds of the commit', async () => {
    const waits: number[] = [];
    for (let attempt = 0; attempt < 5; attempt++) {
      const body = fields();
      let answeredAt = 0;
      const reply = requests
        .create(body, { headers: { prefer: 'wait=20' } })
        .finally(() => (answeredAt = performance.now()));
      const { id } = await requests.queued(body.slug);
      await requests.plane.build(id);
      const committedAt = performance.now();
      await reply;
      waits.push(answeredAt - committedAt);
    }
    // The fallback looks a second after the request, so this shows that the announcement was heard; a busy machine makes
    // some of the times longer.
    expect(Math.min(...waits)).toBeLessThan(500);
  });

  test('with Prefer: wait answers 201 with the secret of the admin client', async () => {
    const body = fields();
    const reply = requests.create(body, { headers: { prefer: 'wait=20' } });
    const { id } = await requests.queued(body.slug);
    await requests.plane.build(id);
    const { status, body: shown, headers } = await reply;
    expect(status).toBe(201);
    expect(headers.get('preference-applied')).toBe('wait=20');
    expect(headers.get('location')).toBe(`/control/v1/projects/${shown.project.id}`);
    expect(shown.project.state).toBe('active');
    expect(shown.operation).toMatchObject({ state: 'succeeded', steps: [{ name: 'reserve', state: 'done' }] });
    expect(shown.adminClient).toEqual({
      clientId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      clientSecret: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    });
    const { params } = await requests.operations.get(id);
    expect(params).toMatchObject({
      fhirVersion: '4.0.1',
      name: 'Quay Clinic',
      adminClient: {
        clientId: shown.adminClient.clientId,
        secretSha256: createHash('sha256').update(shown.adminClient.clientSecret).digest('hex'),
      },
    });
    const claim = await requests.plane.send('POST', `/operations/${id}/claim-secrets`);
    expect({ status: claim.status, code: claim.body.code }).toEqual({ status: 410, code: 'secrets-claimed' });
  });

  test('answers 202 when the project is not active within the wait, and when it has failed', async () => {
    const late = await requests.create(fields(), { headers: { prefer: 'wait=1' } });
    expect(late.status).toBe(202);
    expect(late.body).not.toHaveProperty('adminClient');

    const body = fields();
    const reply = requests.create(body, { headers: { prefer: 'respond-async, wait=20' } });
    const operation = await requests.queued(body.slug);
    const { fence } = (await requests.operations.claim(operation.id, 'w', 1_000))!;
    await requests.projects.setState(operation.projectId!, 'failed', { fence, reason: 'the cluster is full' });
    await requests.operations.finish(operation.id, fence, 'failed', {
      code: 'no-capacity',
      message: 'No cluster has room.',
    });
    const failed = await reply;
    expect(failed.status).toBe(202);
    expect(failed.body.project).toMatchObject({ state: 'failed', reason: 'the cluster is full' });
    expect(failed.body.operation.error).toEqual({
      code: 'no-capacity',
      message: 'No cluster has room.',
      step: null,
      retryable: false,
    });

    const retry = () => requests.plane.send('POST', `/operations/${operation.id}/retry`);
    expect(await retry()).toMatchObject({ status: 202, body: { id: operation.id, state: 'queued', error: null } });
    expect(await requests.projects.get(operation.projectId!)).toMatchObject({ state: 'provisioning', reason: null });
    expect(await retry()).toMatchObject({ status: 409, body: { code: 'operation-in-progress' } });
    const again = (await requests.operations.claim(operation.id, 'w', 1_000))!;
    expect(again).toMatchObject({ attempt: 1 });
    expect(BigInt(again.fence)).toBeGreaterThan(BigInt(fence));
    await requests.operations.finish(operation.id, again.fence, 'succeeded');
    expect(await retry()).toMatchObject({ status: 409, body: { code: 'not-retryable' } });
    expect((await requests.plane.send('POST', '/operations/op_nothing/retry')).status).toBe(404);
  });

  test('a name at which a project has never answered is free again as soon as the project is gone', async () => {
    const body = fields();
    const { body: created } = await requests.create(body);
    const { id, projectId } = (await requests.operations.findUnfinished(created.project.id))!;
    const { fence } = (await requests.operations.claim(id, 'w', 1_000))!;
    await requests.projects.markDeleted(projectId!, { fence, namesFreeAfter: new Date(Date.now() + 3_600_000) });
    await requests.operations.finish(id, fence, 'failed', { code: 'no-capacity', message: 'No cluster has room.' });
    expect((await requests.create(body)).status).toBe(202);
  });

  test('a client that has gone away leaves its secret to be claimed', async () => {
    const body = fields();
    const { token } = await requests.plane.operator('operator');
    let served: Socket | undefined;
    const socket = connect(Number(new URL(requests.plane.url).port), '127.0.0.1');
    const onRequest = (message: unknown) => {
      const { socket: end } = message as { socket: Socket };
      if (end.remotePort === socket.localPort) served = end;
    };
    subscribe('http.server.request.start', onRequest);
    const text = JSON.stringify(body);
    socket.write(
      `POST /control/v1/projects HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nPrefer: wait=20\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    );
    const { id } = await requests.queued(body.slug);
    socket.destroy();
    // Before the server has learnt of it, the secret would be sent to nobody.
    await until(() => served?.destroyed === true);
    unsubscribe('http.server.request.start', onRequest);
    await requests.plane.build(id);
    const claim = await requests.plane.send('POST', `/operations/${id}/claim-secrets`, { token });
    expect(claim.body.adminClient.clientSecret).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test("hashes the owner's password before anything is written; an owner without one is invited", async () => {
    const owner = {
      email: 'ana@quay.example.org',
      password: 'anas-secret-password',
      firstName: ' Ana ',
      lastName: 'Quay',
    };
    const { body } = await requests.create(fields(aSlug(), { owner }));
    const { params } = await requests.operations.get(body.operation.id);
    const stored = params['owner'] as { passwordHash: string };
    expect(stored).toEqual({
      email: owner.email,
      firstName: 'Ana',
      lastName: 'Quay',
      passwordHash: expect.stringMatching(/^\$scrypt\$/),
    });
    expect(await verifyPassword(owner.password, stored.passwordHash, 'test')).toBe(true);

    const invited = await requests.createAndBuild(fields(aSlug(), { owner: { email: 'ben@quay.example.org' } }));
    expect(invited.status).toBe(201);
    expect(invited.body).not.toHaveProperty('ownerInvitation');
    const claim = await requests.plane.send('POST', `/operations/${invited.body.operation.id}/claim-secrets`);
    expect(claim.status).toBe(200);
    expect(claim.body).not.toHaveProperty('adminClient');
    expect(claim.body.ownerInvitation.email).toBe('ben@quay.example.org');
    const { invitation } = (await requests.operations.get(invited.body.operation.id)).params['owner'] as {
      invitation: { id: string; secretSha256: string };
    };
    const [id, secret = ''] = (claim.body.ownerInvitation.link as string).split('/').slice(-2);
    expect(id).toBe(invitation.id);
    expect(invitation.secretSha256).toBe(createHash('sha256').update(secret).digest('hex'));
  });

  test('a slug that is taken is refused', async () => {
    const { slug } = await requests.anActiveProject();
    const { status, body } = await requests.create(fields(slug));
    expect({ status, code: body.code }).toEqual({ status: 409, code: 'slug-taken' });
  });

  test.each(['6.0.0', 'R6', '3.0.2', 'r4', ''])('FHIR version %j is refused with 422', async (fhirVersion) => {
    const { status, body } = await requests.create(fields(aSlug(), { fhirVersion }));
    expect({ status, code: body.code }).toEqual({ status: 422, code: 'unsupported-fhir-version' });
  });

  test.each([
    ['R4', '4.0.1'],
    ['R4B', '4.3.0'],
    ['R5', '5.0.0'],
  ])('%s means %s', async (fhirVersion, id) => {
    expect((await requests.create(fields(aSlug(), { fhirVersion }))).body.project.fhirVersion).toBe(id);
  });

  test('every bad field is named once, nested and unknown ones too', async () => {
    const { status, body, headers } = await requests.create({
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
    [fields('quay', { owner: [] }), ['owner']],
    [fields('quay', { owner: 'ana' }), ['owner']],
    [fields('quay', { owner: {} }), ['owner.email']],
    [fields('quay', { labels: [] }), ['labels']],
    [fields('quay', { name: 'x'.repeat(201) }), ['name']],
    [fields('quay', { name: '\ud800' }), ['name']],
    [fields('quay', { constructor: 1 }), ['constructor']],
  ])('%j is refused for %j', async (body, expected) => {
    const reply = await requests.create(body);
    expect(reply.status).toBe(400);
    expect(reply.body.errors.map(({ field }: { field: string }) => field).sort()).toEqual(expected);
  });

  test('a creation that fails writes nothing', async () => {
    const { slug } = await requests.anActiveProject();
    const count = async () =>
      (
        await requests.plane.dataSource.query<{ all: string }[]>(
          `SELECT (SELECT count(*) FROM project) || '/' || (SELECT count(*) FROM operation) || '/' ||
                  (SELECT count(*) FROM sealed_secret) || '/' || (SELECT count(*) FROM audit_record) AS all`,
        )
      )[0]!.all;
    const before = await count();
    await requests.create(fields(slug));
    await requests.create(fields(aSlug(), { fhirVersion: 'R6' }));
    await requests.create(fields('no'));
    expect(await count()).toBe(before);
  });
});
