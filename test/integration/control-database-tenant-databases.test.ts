/** Which tenant database a project gets, and with which keys. */
import { DataKeyRepository } from '#control-database';
import { uuidv7 } from '#platform';
import { TestControlDatabase } from './control-database.fixture.js';

let control: TestControlDatabase;
beforeAll(async () => {
  control = await TestControlDatabase.open();
});
afterAll(() => control.close());

describe('tenant databases', () => {
  test('spares are claimed by one project each, and only at the wanted schema version', async () => {
    const old = await control.aSpare(6);
    await Promise.all([control.aSpare(7), control.aSpare(7), control.aSpare(7)]);
    const made = await Promise.all(Array.from({ length: 5 }, () => control.aProvisioningProject()));
    const claims = await Promise.all(
      made.map(({ id }) => control.tenantDatabases.claimSpare(id, control.clusterId, 7)),
    );
    const ids = claims.flatMap((claim) => claim?.id ?? []);
    expect(new Set(ids).size).toBe(3);
    expect(claims.filter((claim) => claim === undefined)).toHaveLength(2);
    expect(ids).not.toContain(old.id);
    expect(await control.tenantDatabases.countSpares(control.clusterId, 7)).toBe(0);
    expect(await control.tenantDatabases.countSpares(control.clusterId, 6)).toBe(1);
  });

  test('a repeated claim gives the same database and the same placement', async () => {
    const { id } = await control.aProvisioningProject();
    await Promise.all([control.aSpare(8), control.aSpare(8)]);
    const first = await control.tenantDatabases.claimSpare(id, control.clusterId, 8);
    const second = await control.tenantDatabases.claimSpare(id, control.clusterId, 8);
    expect(second?.id).toBe(first?.id);
    expect(await control.tenantDatabases.countSpares(control.clusterId, 8)).toBe(1);
    expect(await control.projects.get(id)).toMatchObject({ clusterId: control.clusterId, dataKeyId: first?.dataKeyId });
    const [placement] = await control.dataSource.query<object[]>(
      'SELECT generation FROM placement WHERE project_id = $1',
      [id],
    );
    expect(placement).toEqual({ generation: 1 });
  });

  test('a claim gives the wrapped keys of the database and of the project, which may have one of its own', async () => {
    const { id, operation } = await control.aProvisioningProject();
    const spare = await control.aSpare(12);
    const ownKeyId = uuidv7();
    const dataKeys = new DataKeyRepository(control.dataSource);
    await dataKeys.insert(ownKeyId, Buffer.from('own'));
    await control.projects.setDataKey(id, ownKeyId, { fence: (await control.claimed(operation)).fence });
    const { wrapped } = await dataKeys.get(spare.dataKeyId!);
    expect(await control.tenantDatabases.claimSpare(id, control.clusterId, 12)).toMatchObject({
      id: spare.id,
      wrappedKeys: { database: wrapped, project: Buffer.from('own') },
    });
    expect((await control.projects.get(id)).dataKeyId).toBe(ownKeyId);
  });

  test('a stale worker claims nothing', async () => {
    const { id, operation } = await control.aProvisioningProject();
    await control.aSpare(9);
    const { fence } = await control.claimed(operation);
    await control.endLease(operation);
    await control.claimed(operation);
    await expect(control.tenantDatabases.claimSpare(id, control.clusterId, 9, { fence })).rejects.toMatchObject({
      code: 'lease-lost',
    });
    expect(await control.tenantDatabases.countSpares(control.clusterId, 9)).toBe(1);
  });

  test('a stale worker writes down no database, and takes none into use', async () => {
    const { id, operation } = await control.aProvisioningProject();
    const stale = (await control.claimed(operation)).fence;
    await control.endLease(operation);
    const { fence } = await control.claimed(operation);
    const building = {
      id: uuidv7(),
      clusterId: control.clusterId,
      databaseName: `late-${id}`,
      roleName: `late-${id}`,
      dataKey: { id: uuidv7(), wrapped: Buffer.from('wrapped') },
      passwordSealed: Buffer.from('sealed'),
      schemaVersion: 14,
      projectId: id,
    };
    const lost = { code: 'lease-lost' };
    await expect(control.tenantDatabases.insertBuilding(building, { fence: stale })).rejects.toMatchObject(lost);
    expect(await control.tenantDatabases.findOfProject(id)).toBeUndefined();
    await expect(new DataKeyRepository(control.dataSource).get(building.dataKey.id)).rejects.toMatchObject({
      category: 'gone',
    });
    await control.tenantDatabases.insertBuilding(building, { fence });
    await expect(control.tenantDatabases.claimBuilt(building.id, id, { fence: stale })).rejects.toMatchObject(lost);
    expect(await control.tenantDatabases.getWithKey(building.id)).toMatchObject({
      state: 'building',
      wrappedKey: Buffer.from('wrapped'),
    });
    expect(await control.tenantDatabases.findClaimed(id)).toBeUndefined();
  });

  test('a stale worker gives up nothing, and what is given up becomes nothing but dropped', async () => {
    const { id, operation } = await control.aProvisioningProject();
    await control.aSpare(13);
    const stale = (await control.claimed(operation)).fence;
    await control.endLease(operation);
    const { fence } = await control.claimed(operation);
    const { id: database } = (await control.tenantDatabases.claimSpare(id, control.clusterId, 13, { fence }))!;
    const stateOf = async () => (await control.tenantDatabases.get(database)).state;

    await expect(control.tenantDatabases.discardAllOf(id, { fence: stale })).rejects.toMatchObject({
      code: 'lease-lost',
    });
    await expect(control.tenantDatabases.markDropped(database)).rejects.toMatchObject({ code: 'wrong-state' });
    expect(await stateOf()).toBe('claimed');
    for (let turn = 0; turn < 2; turn++) {
      expect(await control.tenantDatabases.discardAllOf(id, { fence })).toMatchObject([
        { id: database, state: 'trash' },
      ]);
    }
    expect(await control.tenantDatabases.retireSpare(database)).toBe(false);
    await expect(control.tenantDatabases.claimBuilt(database, id, { fence })).rejects.toMatchObject({
      code: 'wrong-state',
    });
    for (let turn = 0; turn < 2; turn++) await control.tenantDatabases.markDropped(database);
    expect(await stateOf()).toBe('dropped');
    expect(await control.tenantDatabases.discardAllOf(id, { fence })).toEqual([]);
  });

  test('a project that builds its own database never gets a second one', async () => {
    const { id, operation } = await control.aProvisioningProject();
    const { fence } = await control.claimed(operation);
    const building = (name: string) => ({
      id: uuidv7(),
      clusterId: control.clusterId,
      databaseName: `${name}-${id}`,
      roleName: `${name}-${id}`,
      dataKey: { id: uuidv7(), wrapped: Buffer.from('wrapped') },
      passwordSealed: Buffer.from('sealed'),
      schemaVersion: 10,
      projectId: id,
    });
    const own = await control.tenantDatabases.insertBuilding(building('own'), { fence });
    const second = building('second');
    await expect(control.tenantDatabases.insertBuilding(second, { fence })).rejects.toMatchObject({
      code: 'tenant-database-exists',
    });
    const dataKeys = new DataKeyRepository(control.dataSource);
    await expect(dataKeys.get(second.dataKey.id)).rejects.toMatchObject({ category: 'gone' });
    await control.aSpare(10);
    expect(await control.tenantDatabases.claimSpare(id, control.clusterId, 10)).toMatchObject({
      id: own.id,
      state: 'building',
    });
    expect(await control.tenantDatabases.countSpares(control.clusterId, 10)).toBe(1);
    for (let turn = 0; turn < 2; turn++) {
      expect(await control.tenantDatabases.claimBuilt(own.id, id, { fence })).toMatchObject({
        id: own.id,
        state: 'claimed',
      });
    }
    const again = await control.tenantDatabases.claimSpare(id, control.clusterId, 10);
    expect(again).toMatchObject({
      id: own.id,
      wrappedKeys: { database: Buffer.from('wrapped'), project: Buffer.from('wrapped') },
    });
    expect(await control.tenantDatabases.findClaimed(id)).toEqual(again);
  });

  test('shredding a data key leaves the rows that referred to it, without a way into the database', async () => {
    const { id } = await control.aProvisioningProject();
    const spare = await control.aSpare(11);
    await control.tenantDatabases.claimSpare(id, control.clusterId, 11);
    await new DataKeyRepository(control.dataSource).shred(spare.dataKeyId!);
    await expect(new DataKeyRepository(control.dataSource).get(spare.dataKeyId!)).rejects.toMatchObject({
      category: 'gone',
    });
    const { entries } = await control.projects.listDirectory();
    expect(entries.find(({ projectId }) => projectId === id)).toMatchObject({ dataKeyWrapped: null, placement: null });
  });
});
