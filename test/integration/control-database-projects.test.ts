/** The rows of projects, and the directory of them that data planes follow. */
import { ClusterRepository, SigningKeyRepository, Transactions } from '#control-database';
import { uuidv7 } from '#platform';
import { listen } from '#postgres';
import { until } from '#testing';
import { TestControlDatabase } from './control-database.fixture.js';

let control: TestControlDatabase;
beforeAll(async () => {
  control = await TestControlDatabase.open();
});
afterAll(() => control.close());

describe('projects', () => {
  test('a project, its base URL and its operation are written together or not at all', async () => {
    const { slug } = await control.aProvisioningProject();
    const second = control.aProvisioningProject(slug);
    await expect(second).rejects.toMatchObject({ category: 'conflict', code: 'slug-taken' });
    const [counts] = await control.dataSource.query<object[]>(
      `SELECT (SELECT count(*)::int FROM project WHERE slug = $1) AS projects,
              (SELECT count(*)::int FROM operation o JOIN project p ON p.id = o.project_id WHERE p.slug = $1) AS operations`,
      [slug],
    );
    expect(counts).toEqual({ projects: 1, operations: 1 });
  });

  test('of many creations of one slug at once exactly one wins', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => control.aProvisioningProject('contested')),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'slug-taken' });
    }
  });

  test('a project is found by id and by slug, and nothing else is asked of the database', async () => {
    const { id, slug } = await control.aProvisioningProject();
    expect((await control.projects.find(id))?.slug).toBe(slug);
    expect((await control.projects.find(slug))?.id).toBe(id);
    for (const odd of ['\0', "x' OR 1=1", 'A', '%', '']) expect(await control.projects.find(odd)).toBeUndefined();
  });

  test('a worker changes a project only while its lease lasts', async () => {
    const { id, operation } = await control.aProvisioningProject();
    const first = await control.claimed(operation);
    await control.endLease(operation);
    const second = await control.claimed(operation);
    await expect(control.projects.activate(id, { fence: first.fence })).rejects.toMatchObject({ code: 'lease-lost' });
    await control.projects.activate(id, { fence: second.fence });
    expect(await control.projects.get(id)).toMatchObject({ state: 'active', revision: 2 });
    await control.operations.finish(operation.id, second.fence, 'succeeded');
    await expect(control.projects.setState(id, 'stopped', { fence: second.fence })).rejects.toMatchObject({
      code: 'lease-lost',
    });
  });

  test('the slug of a deleted project is blocked until its time has come', async () => {
    const { id, slug, operation } = await control.aProvisioningProject();
    const { fence } = await control.claimed(operation);
    await control.projects.activate(id, { fence });
    await control.projects.markDeleted(id, { fence, namesFreeAfter: new Date(Date.now() + 60_000) });
    expect(await control.projects.find(slug)).toBeUndefined();
    expect(await control.projects.isSlugFree(slug)).toBe(false);
    // A purge that runs again does not find the name in use any more, and frees it no earlier.
    await control.projects.markDeleted(id, { fence, namesFreeAfter: new Date(Date.now() + 60_000) });
    expect(await control.projects.isSlugFree(slug)).toBe(false);
    await expect(control.aProvisioningProject(slug)).rejects.toMatchObject({ code: 'slug-taken' });
    await control.dataSource.query(`UPDATE base_url SET free_after = now() - interval '1 s' WHERE name = $1`, [slug]);
    expect(await control.projects.isSlugFree(slug)).toBe(true);
    expect((await control.aProvisioningProject(slug)).id).not.toBe(id);
    expect(await control.projects.get(id)).toMatchObject({ state: 'deleted', slug });
  });

  test('the list filters by every condition and pages by id', async () => {
    const { id } = await control.aProvisioningProject('list-one');
    const { id: other } = await control.aProvisioningProject('list-100-two');
    await new Transactions(control.dataSource).run(async (transaction) => {
      await control.projects.getForUpdate(id, transaction);
      const change = { name: '100% Ward_A', labels: { tier: 'gold', ring: '1' } };
      await control.projects.update(id, { ...change, schemaPin: null, maintenanceWindow: null }, transaction);
    });
    const idsOf = async (filter: object) =>
      (await control.projects.list({ limit: 200, ...filter })).map((each) => each.id);
    expect(await idsOf({ labels: [{ tier: 'gold' }, { ring: '1' }] })).toEqual([id]);
    expect(await idsOf({ labels: [{ tier: 'gold' }, { ring: '2' }] })).toEqual([]);
    expect(await idsOf({ labels: [{ tier: 'silver' }, { tier: 'gold' }] })).toEqual([]);
    expect(await idsOf({ q: '100%' })).toEqual([id]);
    expect(await idsOf({ q: 'WARD_a' })).toEqual([id]);
    expect(await idsOf({ q: 'list-' })).toEqual([id, other]);
    expect(await idsOf({ q: 'list-', limit: 1 })).toEqual([id]);
    expect(await idsOf({ q: 'list-', after: id })).toEqual([other]);
    expect(await idsOf({ q: 'list-', state: 'active' })).toEqual([]);
    expect(await idsOf({ clusterId: 'cl_unknown' })).toEqual([]);
  });
});

describe('the directory', () => {
  test('shows what serves a project, and after a change only the changed ones', async () => {
    const { id, slug, operation } = await control.aProvisioningProject();
    const spare = await control.aSpare();
    const { fence } = await control.claimed(operation);
    const before = await control.projects.listDirectory();
    expect(before.entries.find((entry) => entry.projectId === id)).toMatchObject({
      state: 'provisioning',
      placement: null,
      baseUrls: [{ name: slug, canonical: true, active: false }],
    });

    await control.tenantDatabases.claimSpare(id, control.clusterId, 1, { fence });
    const signingKey = {
      kid: `kid-${id}`,
      projectId: id,
      publicJwk: { kty: 'EC' },
      privateSealed: Buffer.from([1, 2, 255]),
    };
    await control.projects.activate(id, { fence, signingKey });

    let page = await control.projects.listDirectoryChangedSince(before.mark);
    const entry = page.entries.find(({ projectId }) => projectId === id);
    expect(entry).toMatchObject({
      state: 'active',
      slug,
      fhirVersion: '4.0.1',
      baseUrls: [{ kind: 'slug', name: slug, canonical: true, active: true }],
      placement: {
        generation: 1,
        clusterId: control.clusterId,
        host: '127.0.0.1',
        port: 5432,
        tenantDatabaseId: spare.id,
        databaseName: spare.databaseName,
        roleName: spare.roleName,
      },
      signingKeys: [{ kid: `kid-${id}`, publicJwk: { kty: 'EC' }, state: 'signing' }],
    });
    expect(entry?.dataKeyWrapped).toEqual(Buffer.from('wrapped'));
    expect(entry?.placement?.passwordSealed).toEqual(Buffer.from('sealed'));
    expect(entry?.signingKeys[0]?.privateSealed).toEqual(Buffer.from([1, 2, 255]));
    // A transaction that is open in any database of the server holds the mark back: until it ends, changes are told again.
    await until(async () => {
      page = await control.projects.listDirectoryChangedSince(page.mark);
      return page.entries.length === 0;
    });
  });

  test('a change that commits late is not missed by a poll that passed it', async () => {
    const { id } = await control.aProvisioningProject();
    const runner = control.dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query(`UPDATE project SET name = 'late' WHERE id = $1`, [id]);
    const { mark } = await control.projects.listDirectory();
    // Another change commits meanwhile, with a higher transaction id.
    const { id: other } = await control.aProvisioningProject();
    const during = await control.projects.listDirectoryChangedSince(mark);
    await runner.commitTransaction();
    await runner.release();
    expect(during.entries.map(({ projectId }) => projectId)).toContain(other);
    const after = await control.projects.listDirectoryChangedSince(during.mark);
    expect(after.entries.find(({ projectId }) => projectId === id)?.name).toBe('late');
  });

  test('a deleted project is told to those who ask for changes, and to nobody else', async () => {
    const { id, operation } = await control.aProvisioningProject();
    const { mark } = await control.projects.listDirectory();
    const { fence } = await control.claimed(operation);
    await control.projects.markDeleted(id, { fence, namesFreeAfter: new Date(Date.now() + 60_000) });
    const changed = await control.projects.listDirectoryChangedSince(mark);
    expect(changed.entries.find(({ projectId }) => projectId === id)).toMatchObject({ state: 'deleted', baseUrls: [] });
    const { entries } = await control.projects.listDirectory();
    expect(entries.map(({ projectId }) => projectId)).not.toContain(id);
  });

  test('every change of a project and of what belongs to it is announced with the project id', async () => {
    const heard: string[] = [];
    const listener = await listen(
      control.url,
      ['boxyard_project'],
      (_channel, payload) => heard.push(payload),
      () => undefined,
    );
    /** What has been announced since the last look: announcements come in the order of the commits. */
    const announcements = async () => {
      const mark = uuidv7();
      await control.dataSource.query(`SELECT pg_notify('boxyard_project', $1)`, [mark]);
      await until(() => heard.includes(mark));
      return heard.splice(0);
    };
    const announced = async (change: () => Promise<unknown>, id: string) => {
      await announcements();
      await change();
      return (await announcements()).includes(id);
    };
    try {
      const { id, operation } = await control.aProvisioningProject();
      await control.aSpare();
      const { fence } = await control.claimed(operation);
      const keys = new SigningKeyRepository(control.dataSource);
      const insertKey = `INSERT INTO signing_key (kid, project_id, public_jwk, private_sealed, state)
      VALUES ($1, $2, '{}', '', 'signing')`;
      expect(await announced(() => control.tenantDatabases.claimSpare(id, control.clusterId, 1), id)).toBe(true);
      expect(await announced(() => control.dataSource.query(insertKey, [`heard-${id}`, id]), id)).toBe(true);
      expect(await announced(() => keys.revokeAll(id), id)).toBe(true);
      expect(await announced(() => control.projects.setState(id, 'failed', { fence }), id)).toBe(true);
      expect(
        await announced(
          () => control.dataSource.query('UPDATE base_url SET active = true WHERE project_id = $1', [id]),
          id,
        ),
      ).toBe(true);
      const clusters = new ClusterRepository(control.dataSource);
      const cluster = await clusters.get(control.clusterId);
      const moved = {
        ...cluster,
        adminSecret: undefined,
        port: 5433,
        sslMode: 'require' as const,
        reservedConnections: 1,
      };
      expect(await announced(() => clusters.ensure(moved), id)).toBe(true);
      // What an operator has set stays.
      const { reservedConnections } = cluster;
      expect(await clusters.get(control.clusterId)).toMatchObject({
        port: 5433,
        sslMode: 'require',
        reservedConnections,
      });
    } finally {
      await listener.close();
    }
  });
});
