import { parseSearch } from '#fhir-search';
import { historyRequest, ResourceRepository, StaleRights, tenantDatabase, type TenantDatabase } from '#fhir-store';
import { compiledSql } from '#postgres';
import { systemPolicy } from '#access-policy';
import { aPatient, aTenant, policyOf, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
beforeAll(async () => {
  t = await aTenant();
});
afterAll(() => t.close());

const statement = (sqlText: string) => compiledSql({ text: sqlText, values: [] });
const request = (type: string, query = '') => parseSearch(t.tenant.version, type, query, { handling: 'strict' });

describe('a tenant database', () => {
  const caller = { policy: systemPolicy('test'), agent: 'test', requestId: 'r' };

  test('must be in context: a repository cannot be made without one', () => {
    expect(() => new ResourceRepository(undefined as unknown as TenantDatabase, caller)).toThrow(
      'no tenant in context',
    );
  });

  test('cannot be imitated', () => {
    expect(() => new ResourceRepository({ ...t.tenant }, caller)).toThrow('no tenant in context');
  });
});

describe('denial', () => {
  test('comes before the id is looked at, for every interaction', async () => {
    const { version } = await (await t.repository()).create(aPatient());
    const nobody = await t.repository({ policy: policyOf() });
    for (const id of [version.id, 'unknown', 'mal_formed']) {
      const calls = [
        () => nobody.read('Patient', id),
        () => nobody.readVersion('Patient', id, version.versionId),
        () => nobody.history(historyRequest({ type: 'Patient', id }, '_count=1&_offset=0')),
        () => nobody.update('Patient', id, aPatient({ id })),
        () => nobody.delete('Patient', id),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ category: 'forbidden' });
    }
    await expect(nobody.search(request('Patient'))).rejects.toMatchObject({ category: 'forbidden' });
    await expect(nobody.conditionalUpdate('Patient', 'identifier=1', aPatient())).rejects.toMatchObject({
      category: 'forbidden',
    });
  });

  test('of one interaction leaves the others', async () => {
    const { version } = await (await t.repository()).create(aPatient());
    const reader = await t.repository({ policy: policyOf('read Patient') });
    expect(await reader.read('Patient', version.id)).toMatchObject({ id: version.id });
    await expect(reader.readVersion('Patient', version.id, version.versionId)).rejects.toMatchObject({
      category: 'forbidden',
    });
  });

  test('what does not exist is not found for those who may ask', async () => {
    const reader = await t.repository({ policy: policyOf('read *', 'vread *', 'history *') });
    await expect(reader.read('Patient', 'unknown')).rejects.toMatchObject({ category: 'not-found' });
    await expect(reader.read('Patient', 'a\0b')).rejects.toMatchObject({ category: 'not-found' });
    await expect(reader.read('Nonsense', 'x')).rejects.toMatchObject({ category: 'not-found' });
  });
});

describe('after a change of rights', () => {
  const staleRepository = async () => {
    const repository = await t.repository();
    const { version } = await repository.create(aPatient());
    await (await t.repository()).create(text({ resourceType: 'AccessPolicy', name: 'new' }));
    return { repository, version };
  };

  test('nothing is answered under the old rights', async () => {
    const { repository, version } = await staleRepository();
    const { id, versionId } = version;
    const calls = [
      () => repository.read('Patient', id),
      () => repository.read('Patient', 'unknown'),
      () => repository.readVersion('Patient', id, versionId),
      () => repository.history(historyRequest({ type: 'Patient', id }, '_count=1&_offset=0')),
      () => repository.search(request('Patient')),
      () => repository.search(request('Patient', 'identifier=nothing')),
      () => repository.search(request('Patient', '_total=accurate')),
      () => repository.search(request('Patient', '_count=0')),
    ];
    for (const call of calls) await expect(call()).rejects.toBeInstanceOf(StaleRights);
  });

  test('nothing is written under the old rights', async () => {
    const { repository, version } = await staleRepository();
    const { id } = version;
    const before = await t.rows(
      'SELECT (SELECT count(*) FROM resource) AS r, (SELECT count(*) FROM audit_event) AS a, epoch FROM security_epoch',
    );
    const calls = [
      () => repository.create(aPatient()),
      () => repository.create(aPatient(), { ifNoneExist: 'identifier=nothing' }),
      () => repository.create(text({ resourceType: 'AccessPolicy' })),
      () => repository.update('Patient', id, aPatient({ id, gender: 'male' })),
      () => repository.update('Patient', 'new', aPatient({ id: 'new' })),
      () => repository.conditionalUpdate('Patient', 'identifier=nothing', aPatient()),
      () => repository.delete('Patient', id),
    ];
    for (const call of calls) await expect(call()).rejects.toBeInstanceOf(StaleRights);
    expect(
      await t.rows(
        'SELECT (SELECT count(*) FROM resource) AS r, (SELECT count(*) FROM audit_event) AS a, epoch FROM security_epoch',
      ),
    ).toEqual(before);
  });

  test.each([
    ['an update', (repository: ResourceRepository, id: string) => repository.update('Patient', id, aPatient({ id }))],
    ['a deletion', (repository: ResourceRepository, id: string) => repository.delete('Patient', id)],
  ])('%s between whose reading and writing it comes writes nothing', async (_, write) => {
    const { version } = await (await t.repository()).create(aPatient({ active: false }));
    const epoch = await t.epoch();
    let statements = 0;
    const interrupted = tenantDatabase({
      ...t.tenant,
      use: (work) =>
        t.tenant.use((connection) =>
          work({
            query: async (sent) => {
              if (++statements === 2) await t.rows('SELECT begin_rights_change()');
              return connection.query(sent);
            },
            transaction: (inside) => connection.transaction(inside),
          }),
        ),
    });
    const caller = { policy: systemPolicy('test'), epoch, agent: 'test', requestId: 'r' };
    await expect(write(new ResourceRepository(interrupted, caller), version.id)).rejects.toBeInstanceOf(StaleRights);
    expect(statements).toBe(2);
    expect(await (await t.repository()).read('Patient', version.id)).toMatchObject({ versionId: version.versionId });
  });

  test('the epoch that must be read again is told', async () => {
    const { repository } = await staleRepository();
    const epoch = await t.epoch();
    await expect(repository.read('Patient', 'x')).rejects.toMatchObject({ epoch });
  });
});

describe('which writes change rights', () => {
  test.each([
    ['AccessPolicy', { name: 'x' }],
    ['Bot', { name: 'x' }],
    ['ClientApplication', { name: 'x' }],
    ['User', { firstName: 'a', lastName: 'b', email: 'a@example.org' }],
  ])('creating, updating and deleting a %s', async (resourceType, more) => {
    const epochs = [Number(await t.epoch())];
    const note = async () => epochs.push(Number(await t.epoch()));
    const { version } = await (await t.repository()).create(text({ resourceType, ...more }));
    await note();
    const changed = text({ resourceType, id: version.id, ...more, meta: { tag: [{ code: 'changed' }] } });
    await (await t.repository()).update(resourceType, version.id, changed);
    await note();
    await (await t.repository()).delete(resourceType, version.id);
    await note();
    expect(epochs).toEqual([0, 1, 2, 3].map((n) => (epochs[0] ?? 0) + n));
  });

  test('writing ordinary resources does not', async () => {
    const before = await t.epoch();
    const repository = await t.repository();
    const { version } = await repository.create(aPatient());
    await repository.delete('Patient', version.id);
    // What a person prefers gives nobody a right.
    await repository.create(text({ resourceType: 'UserConfiguration', name: 'x' }));
    expect(await t.epoch()).toBe(before);
  });

  test('a refused change of rights leaves the epoch as it is', async () => {
    const before = await t.epoch();
    await expect(
      (await t.repository()).update('AccessPolicy', 'x', text({ resourceType: 'AccessPolicy', id: 'x' }), {
        ifMatch: '"1"',
      }),
    ).rejects.toMatchObject({ category: 'precondition-failed' });
    expect(await t.epoch()).toBe(before);
  });
});

describe('a change of rights and a running write', () => {
  test('the change waits for the write, and writes that come later wait for the change', async () => {
    const writer = await t.connect();
    try {
      const repository = await t.repository();
      const events: string[] = [];
      let changing: Promise<unknown> = Promise.resolve();
      let late: Promise<unknown> = Promise.resolve();
      await writer.transaction(async (transaction) => {
        await transaction.query(statement('SELECT begin_write()'));
        changing = repository
          .create(text({ resourceType: 'AccessPolicy', name: 'waits' }))
          .then(() => events.push('rights changed'));
        await waitFor(`${waitingHere} AND mode = 'ExclusiveLock'`);
        late = repository.create(aPatient()).catch((error: unknown) => events.push((error as Error).name));
        await waitFor(`${waitingHere} AND mode = 'ShareLock'`);
        events.push('write ends');
      });
      await Promise.all([changing, late]);
      expect(events[0]).toBe('write ends');
      // Both end with the commit of the change: whose answer is read first, says nothing.
      expect(events.slice(1).toSorted()).toEqual(['StaleRights', 'rights changed']);
    } finally {
      await writer.close();
    }
  });

  test('a change that cannot have its turn in time is answered unavailable and changes nothing', async () => {
    const writer = await t.connect();
    const before = await t.epoch();
    try {
      await writer.transaction(async (transaction) => {
        await transaction.query(statement('SELECT begin_write()'));
        await expect(
          (await t.repository()).create(text({ resourceType: 'AccessPolicy', name: 'late' })),
        ).rejects.toMatchObject({ category: 'unavailable' });
      });
    } finally {
      await writer.close();
    }
    expect(await t.epoch()).toBe(before);
  });

  /** Other test files have databases on the same server, and pg_locks shows those of all. */
  const waitingHere = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

  async function waitFor(query: string): Promise<void> {
    const deadline = Date.now() + 30_000;
    while ((await t.rows(query)).length === 0) {
      if (Date.now() > deadline) throw new Error(`Nothing came of: ${query}`);
    }
  }
});

test('a connection that dies in the middle of a transaction leaves nothing of it', async () => {
  const repository = await t.repository();
  const before = await t.rows('SELECT count(*) AS n FROM resource');
  const blocker = await t.connect();
  try {
    const { version } = await repository.create(aPatient());
    await blocker.transaction(async (transaction) => {
      await transaction.query(statement(`SELECT 1 FROM resource WHERE fhir_id = '${version.id}' FOR UPDATE`));
      const entry = [
        {
          request: { method: 'POST', url: 'Patient' },
          resource: { resourceType: 'Patient', identifier: [{ value: 'dying' }] },
        },
        {
          request: { method: 'PUT', url: `Patient?_id=${version.id}` },
          resource: { resourceType: 'Patient', id: version.id },
        },
      ];
      const dying = repository.processBundle(
        JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }),
        'https://x/fhir/',
      );
      const refused = expect(dying).rejects.toThrow();
      const waiting = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
      let pids: { pid: number }[] = [];
      while (pids.length === 0) pids = await t.rows<{ pid: number }>(waiting);
      // At this moment the new Patient has been inserted and the transaction waits for the lock on the other one.
      await t.rows('SELECT pg_terminate_backend($1)', pids[0]?.pid);
      await refused;
    });
    expect((await repository.search(request('Patient', 'identifier=dying'))).hits).toEqual([]);
    expect(await repository.read('Patient', version.id)).toMatchObject({ versionId: version.versionId });
    expect(Number((await t.rows<{ n: string }>('SELECT count(*) AS n FROM resource'))[0]?.n)).toBe(
      Number(before[0]?.['n']) + 1,
    );
  } finally {
    await blocker.close();
  }
});

describe('the role of the project', () => {
  test.each([
    ['DDL', 'CREATE TABLE mine (x int)'],
    ['TRUNCATE', 'TRUNCATE resource'],
    ['deleting resources', 'DELETE FROM resource'],
    ['changing what a resource is', `UPDATE resource SET fhir_id = 'x'`],
    ['changing history', `UPDATE resource_history SET body = ''`],
    ['deleting history', 'DELETE FROM resource_history'],
    ['changing audit rows', `UPDATE audit_event SET agent = 'x'`],
    ['deleting audit rows', 'DELETE FROM audit_event'],
    [
      'choosing the writer of an audit row',
      `INSERT INTO audit_event (recorded, action, outcome, agent, entity, writer) VALUES (now(), 'R', 0, 'a', 'e', '5')`,
    ],
    [
      'making seals',
      `INSERT INTO audit_seal (sealed_at, from_writer, until_writer, row_count, hash) VALUES (now(), '0', '1', 0, '')`,
    ],
    ['deleting seals', 'DELETE FROM audit_seal'],
    ['turning the epoch back', 'UPDATE security_epoch SET epoch = 1'],
    ['setting the sequence', `SELECT setval('version_seq', 1)`],
  ])('may not do: %s', async (_, forbidden) => {
    const connection = await t.connect();
    try {
      await expect(connection.query(statement(forbidden))).rejects.toMatchObject({ code: '42501' });
    } finally {
      await connection.close();
    }
  });
});
