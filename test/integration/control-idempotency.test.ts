/** What happens once however often it is asked for: a creation under one Idempotency-Key, and the claim of its secrets. */
import { AuditRepository } from '#control-database';
import { aSlug } from './control-plane.fixture.js';
import { fields, ProjectRequests } from './control-projects.fixture.js';

let requests: ProjectRequests;
beforeAll(async () => {
  requests = await ProjectRequests.open();
});
afterAll(() => requests.close());

describe('Idempotency-Key', () => {
  const key = () => ({ 'idempotency-key': `key-${aSlug()}` });

  test('the same request again gets the first answer, without the secret, and makes no second project', async () => {
    const headers = key();
    const body = fields();
    const first = await requests.createAndBuild(body, { headers });
    expect(first.status).toBe(201);
    const again = await requests.create(body, { headers: { ...headers, prefer: 'wait=20' } });
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
    const first = await requests.create({ slug, name, fhirVersion }, { headers });
    const again = await requests.create({ fhirVersion, slug, name }, { headers });
    expect(again.body.project.id).toBe(first.body.project.id);
  });

  test('another body, path or method under the key is refused', async () => {
    const headers = key();
    const body = fields();
    await requests.create(body, { headers });
    const others = [
      await requests.create({ ...body, name: 'Another' }, { headers }),
      await requests.plane.send('PATCH', `/projects/${body.slug}`, { body, headers }),
      await requests.plane.send('POST', '/api-keys', { body: { name: 'x', role: 'auditor' }, headers }),
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
    const { token } = await requests.plane.operator('operator');
    const first = await requests.create(fields(), { headers });
    const second = await requests.create(fields(), { headers, token });
    expect([first.status, second.status]).toEqual([202, 202]);
  });

  test('while the first request runs, a second is refused', async () => {
    const headers = key();
    const body = fields();
    const first = requests.create(body, { headers: { ...headers, prefer: 'wait=20' } });
    const { id } = await requests.queued(body.slug);
    const second = await requests.create(body, { headers });
    expect({ status: second.status, code: second.body.code }).toEqual({ status: 409, code: 'idempotency-in-flight' });
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0);
    await requests.plane.build(id);
    expect((await first).status).toBe(201);
  });

  test('of many equal requests at once one makes the project', async () => {
    const headers = key();
    const body = fields();
    const replies = await Promise.all(Array.from({ length: 6 }, () => requests.create(body, { headers })));
    const ids = new Set(replies.flatMap((reply) => reply.body.project?.id ?? []));
    expect(ids.size).toBe(1);
    for (const { status, body: shown } of replies) {
      if (status !== 202) expect(shown.code).toBe('idempotency-in-flight');
    }
  });

  test('after a crash between the commit and the answer, the answer of the commit is replayed', async () => {
    const headers = key();
    const body = fields();
    const first = await requests.create(body, { headers });
    // What a process leaves that dies right after the commit: the recorded answer, not settled.
    await requests.plane.dataSource.query(
      `UPDATE idempotency_key SET state = 'running', reserved_until = now() - interval '1 s' WHERE key = $1`,
      [headers['idempotency-key']],
    );
    const again = await requests.create(body, { headers });
    expect(again.status).toBe(202);
    expect(again.body).toEqual({ ...first.body, secretsClaimed: true });
    await requests.plane.build(first.body.operation.id);
    const claim = await requests.plane.send('POST', `/operations/${first.body.operation.id}/claim-secrets`);
    expect(claim.body.adminClient).toBeDefined();
  });

  test('a lasting refusal is replayed, a bad request is not kept', async () => {
    const { slug } = await requests.anActiveProject();
    const headers = key();
    const first = await requests.create(fields(slug), { headers });
    const again = await requests.create(fields(slug), { headers });
    expect(again.status).toBe(409);
    expect(again.headers.get('idempotent-replay')).toBe('true');
    expect(again.headers.get('content-type')).toContain('application/problem+json');
    expect(again.body).toEqual(first.body);

    const other = key();
    expect((await requests.create(fields('no'), { headers: other })).status).toBe(400);
    expect((await requests.create(fields(), { headers: other })).status).toBe(202);
  });

  test('a key of the wrong form is refused', async () => {
    for (const bad of ['x'.repeat(129), 'two words']) {
      const { status, body } = await requests.create(fields(), { headers: { 'idempotency-key': bad } });
      expect({ status, errors: body.errors?.[0]?.field }).toEqual({ status: 400, errors: 'Idempotency-Key' });
    }
  });

  test('nothing that was typed or generated as a secret is stored readable', async () => {
    const headers = key();
    const owner = { email: 'ana@quay.example.org', password: 'anas-secret-password' };
    const reply = await requests.createAndBuild(fields(aSlug(), { owner }), { headers });
    const tables = ['project', 'operation', 'operation_step', 'sealed_secret', 'idempotency_key', 'audit_record'];
    for (const table of tables) {
      const rows = await requests.plane.dataSource.query<{ text: string }[]>(`SELECT t::text AS text FROM ${table} t`);
      const text = rows.map((row) => row.text).join('\n');
      expect(text).not.toContain(owner.password);
      expect(text).not.toContain(reply.body.adminClient.clientSecret);
    }
    expect(requests.plane.log()).not.toContain(owner.password);
    expect(requests.plane.log()).not.toContain(reply.body.adminClient.clientSecret);
  });
});

describe('claiming secrets', () => {
  test('works once, for the creator only, after the project is built', async () => {
    const { body } = await requests.create();
    const route = `/operations/${body.operation.id}/claim-secrets`;
    expect((await requests.plane.send('POST', route)).body.code).toBe('operation-not-succeeded');
    await requests.plane.build(body.operation.id);

    const other = await requests.plane.operator('platform-admin');
    const denied = await requests.plane.send('POST', route, { token: other.token });
    expect({ status: denied.status, code: denied.body.code }).toEqual({ status: 403, code: 'not-the-creator' });
    const records = await new AuditRepository(requests.plane.dataSource).listAfter('0', 10_000);
    expect(records.find(({ actor }) => actor === `operator:${other.id}`)).toMatchObject({
      action: 'operation.claim-secrets',
      outcome: 'not-the-creator',
    });

    const headers = { 'idempotency-key': `claim-${body.operation.id}` };
    const claims = await Promise.all([1, 2, 3].map(() => requests.plane.send('POST', route)));
    expect(claims.map(({ status }) => status).sort()).toEqual([200, 410, 410]);
    expect(claims.find(({ status }) => status === 200)!.body).toMatchObject({
      project: body.project.id,
      adminClient: { clientSecret: expect.any(String) },
    });
    expect((await requests.plane.send('POST', route, { headers })).status).toBe(410);
  });

  test('a replay of the claim holds no secret', async () => {
    const { body } = await requests.create();
    await requests.plane.build(body.operation.id);
    const headers = { 'idempotency-key': `claim-${body.operation.id}` };
    const route = `/operations/${body.operation.id}/claim-secrets`;
    const first = await requests.plane.send('POST', route, { headers });
    const again = await requests.plane.send('POST', route, { headers });
    expect(first.body.adminClient.clientSecret).toBeDefined();
    expect(again.body).toEqual({ operation: body.operation.id, project: body.project.id, secretsClaimed: true });
  });

  test('ends after an hour', async () => {
    const { body } = await requests.create();
    await requests.plane.build(body.operation.id);
    const [row] = await requests.plane.dataSource.query<{ minutes: number }[]>(
      `SELECT round(extract(epoch FROM expires_at - now()) / 60)::int AS minutes FROM sealed_secret WHERE operation_id = $1`,
      [body.operation.id],
    );
    expect(row!.minutes).toBe(60);
    await requests.plane.dataSource.query(
      `UPDATE sealed_secret SET expires_at = now() - interval '1 s' WHERE operation_id = $1`,
      [body.operation.id],
    );
    expect((await requests.plane.send('POST', `/operations/${body.operation.id}/claim-secrets`)).status).toBe(410);
  });
});
