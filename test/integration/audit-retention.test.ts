/** How long the audit is kept. */
import {
  findBrokenSeal,
  ReadAudit,
  recordAudit,
  sealAudit,
  tenantDatabase,
  type AuditEntry,
  type TenantDatabase,
} from '#fhir-store';
import { compiledSql, type Connection } from '#postgres';
import { aTenant, text, type TestTenant, until } from './store.fixture.js';

let t: TestTenant;
beforeEach(async () => {
  t = await aTenant();
});
afterEach(() => t.close());

const dayMs = 86_400_000;
const entry = (entity: string): AuditEntry => ({
  action: 'R',
  outcome: 'success',
  agent: 'Practitioner/p',
  entity,
  requestId: 'r',
});
const broken = () => t.tenant.use(findBrokenSeal);

/** Rows that were recorded and sealed so many days ago, under a seal of their own. */
async function sealedBefore(days: number, ...entities: string[]): Promise<void> {
  await t.tenant.use((connection) => recordAudit(connection, entities.map(entry)));
  // Transactions of other databases, so of other tests, hold a seal up.
  await until(async () => {
    await t.tenant.use(sealAudit);
    const unsealed = `SELECT 1 FROM audit_event e
      WHERE NOT EXISTS (SELECT FROM audit_seal s WHERE e.writer < s.until_writer)`;
    return (await t.rows(unsealed)).length === 0;
  });
  await t.rows(
    `UPDATE audit_seal SET sealed_at = clock_timestamp() - $1 * interval '1 day' WHERE id = (SELECT max(id) FROM audit_seal)`,
    days,
  );
}

/** The project with these members, as the control plane or an administrator would have set it. */
async function project(members: object): Promise<void> {
  const repository = await t.repository();
  const id = t.tenant.projectId;
  await repository.update('Project', id, text({ resourceType: 'Project', id, name: 'Quay', ...members }));
}

const days = (valueInteger: number) => [{ name: 'auditRetentionDays', valueInteger }];
const entities = async () =>
  (await t.rows<{ entity: string }>(`SELECT entity FROM audit_event WHERE agent = 'Practitioner/p' ORDER BY id`)).map(
    (row) => row.entity,
  );

/** One batch of reads, as the data plane writes it, with the upkeep that follows it. */
async function upkeep(nowMs = Date.now(), tenant = t.tenant): Promise<void> {
  const failures: unknown[] = [];
  const audit = new ReadAudit({
    clock: { now: () => new Date(nowMs) },
    onFailure: (_, error) => failures.push(error),
  });
  audit.sealSoon(tenant);
  await audit.flush();
  expect(failures).toEqual([]);
}

describe('the retention of the audit', () => {
  test('removes what was sealed before the days that the project keeps it, and what is kept can still be verified', async () => {
    await sealedBefore(100, 'a', 'b');
    await sealedBefore(50, 'c');
    await sealedBefore(10, 'd');
    await project({ systemSetting: days(40) });
    await upkeep();
    expect(await entities()).toEqual(['d']);
    expect(await broken()).toBeUndefined();
    await sealedBefore(0, 'e');
    expect(await broken()).toBeUndefined();
    expect(
      await t.rows(`SELECT action, outcome, entity, detail FROM audit_event WHERE agent = 'system/audit-retention'`),
    ).toEqual([
      {
        action: 'D',
        outcome: 0,
        entity: expect.stringMatching(/^AuditEvent\?_lastUpdated=lt\d{4}-/),
        detail: expect.stringContaining('removed after 40 days'),
      },
    ]);
  });

  test('goes on where it stopped, and verifies after each removal', async () => {
    await project({ systemSetting: days(30) });
    for (const age of [90, 80, 20]) await sealedBefore(age, `age ${age}`);
    await t.rows(
      `UPDATE audit_seal SET sealed_at = clock_timestamp() - interval '25 days' WHERE row_count = 1 AND id = (SELECT min(id) + 1 FROM audit_seal)`,
    );
    await upkeep();
    expect(await broken()).toBeUndefined();
    await t.rows(`UPDATE audit_seal SET sealed_at = clock_timestamp() - interval '60 days' WHERE expired_at IS NULL`);
    await sealedBefore(0, 'new');
    await upkeep();
    expect(await entities()).toEqual(['new']);
    expect(await broken()).toBeUndefined();
    expect(await t.rows('SELECT 1 FROM audit_seal WHERE expired_at IS NOT NULL')).toHaveLength(1);
  });

  test.each([
    ['changes a row that is kept', `UPDATE audit_event SET entity = 'x' WHERE entity = 'kept'`],
    ['removes one more row', `DELETE FROM audit_event WHERE entity = 'kept'`],
    [
      'removes one more seal',
      `DELETE FROM audit_seal WHERE expired_at IS NULL AND id = (SELECT min(id) FROM audit_seal WHERE expired_at IS NULL)`,
    ],
    ['removes the last removed seal', `DELETE FROM audit_seal WHERE expired_at IS NOT NULL`],
    [
      'brings back a row from before',
      `INSERT INTO audit_event (recorded, action, outcome, agent, entity, writer) VALUES (now(), 'R', 0, 'a', 'e', '5')`,
    ],
    ['says that one more seal has expired', `UPDATE audit_seal SET expired_at = now()`],
  ])('does not hide that somebody %s', async (_, change) => {
    await project({ systemSetting: days(30) });
    await t.tenant.use(sealAudit);
    await t.rows(`UPDATE audit_seal SET sealed_at = clock_timestamp() - interval '99 days'`);
    await sealedBefore(60, 'old');
    await sealedBefore(1, 'kept');
    await sealedBefore(0, 'newest');
    await upkeep();
    expect([await entities(), await broken()]).toEqual([['kept', 'newest'], undefined]);
    await t.rows(change);
    expect(await broken()).toEqual(expect.any(String));
  });

  test('takes a bounded number of rows at a time, by whole seals', async () => {
    for (const entity of ['one', 'two', 'three']) await sealedBefore(60, entity, entity);
    const expire = (rows: number) =>
      t.tenant.use((connection) =>
        connection.query<{ removed: string }>(
          compiledSql({ text: 'SELECT expire_audit(30, $1) AS removed', values: [rows] }),
        ),
      );
    expect(await expire(4)).toEqual([{ removed: '4' }]);
    expect(await expire(1)).toEqual([{ removed: '2' }]);
    expect(await expire(4)).toEqual([{ removed: '0' }]);
    expect(await broken()).toBeUndefined();
  });

  test('is for ever without a setting, and nothing that is not sealed is removed', async () => {
    await sealedBefore(5000, 'old');
    await upkeep();
    expect(await entities()).toEqual(['old']);
    await project({ systemSetting: days(30) });
    await t.tenant.use((connection) =>
      recordAudit(connection, [{ ...entry('not sealed'), at: Date.now() - 90 * dayMs }]),
    );
    await upkeep();
    expect(await entities()).toEqual(['not sealed']);
  });

  test('the operator’s setting is the least that there is', async () => {
    await sealedBefore(50, 'fifty');
    await sealedBefore(35, 'thirty-five');
    await project({ systemSetting: days(60), setting: days(30) });
    await upkeep();
    expect(await entities()).toEqual(['fifty', 'thirty-five']);
    await project({ systemSetting: days(40), setting: days(45) });
    await upkeep();
    expect(await entities()).toEqual(['thirty-five']);
  });

  test('is for ever without the operator’s setting, whatever the administrators of the project ask for', async () => {
    await sealedBefore(5000, 'old');
    await project({ setting: days(30) });
    await upkeep();
    expect(await entities()).toEqual(['old']);
  });

  test('that is made longer while old rows are being removed is answered when they are, and nothing goes after that', async () => {
    await sealedBefore(100, 'old');
    await project({ systemSetting: days(40) });
    const seen: { whenAnswered?: Promise<string[]> } = {};
    /** As soon as the upkeep has read the setting, the operator has the audit kept for ever. */
    const changing = (connection: Connection): Connection => ({
      query: async (statement) => {
        const rows = await connection.query<never>(statement);
        if (seen.whenAnswered !== undefined || !statement.text.includes(`body FROM resource WHERE type = 'Project'`)) {
          return rows;
        }
        seen.whenAnswered = project({}).then(entities);
        await Promise.race([seen.whenAnswered, t.untilBlocked()]);
        return rows;
      },
      transaction: (work, options) => connection.transaction((transaction) => work(changing(transaction)), options),
    });
    const { projectId, version, hasher, cursorKey, schemaVersion } = t.tenant;
    const use: TenantDatabase['use'] = (work) => t.tenant.use((connection) => work(changing(connection)));
    await upkeep(Date.now(), tenantDatabase({ projectId, version, hasher, cursorKey, schemaVersion, use }));
    const whenAnswered = await seen.whenAnswered;
    expect(whenAnswered).toBeDefined();
    expect(await entities()).toEqual(whenAnswered);
  });

  test('is read after a change of it that is under way', async () => {
    await sealedBefore(100, 'old');
    await project({ systemSetting: days(40) });
    const change = await t.connect();
    try {
      const upkeeping = await change.transaction(async (transaction) => {
        await transaction.query(compiledSql({ text: 'SELECT begin_rights_change()', values: [] }));
        const forEver = `UPDATE resource SET body = replace(body, 'auditRetentionDays', 'x') WHERE type = 'Project'`;
        await transaction.query(compiledSql({ text: forEver, values: [] }));
        const running = upkeep();
        await Promise.race([running, t.untilBlocked()]);
        return { running };
      });
      await upkeeping.running;
    } finally {
      await change.close();
    }
    expect(await entities()).toEqual(['old']);
  });

  test('is looked at again soon when old rows could not be removed', async () => {
    await sealedBefore(60, 'old');
    await project({ systemSetting: days(30) });
    let now = Date.now();
    const failures: unknown[] = [];
    const audit = new ReadAudit({
      clock: { now: () => new Date(now) },
      onFailure: (_, error) => failures.push(error),
    });
    const run = async () => {
      audit.sealSoon(t.tenant);
      await audit.flush();
      return entities();
    };
    await t.rows('ALTER FUNCTION expire_audit(integer, bigint) RENAME TO away');
    expect(await run()).toEqual(['old']);
    expect(failures).toHaveLength(1);
    await t.rows('ALTER FUNCTION away(integer, bigint) RENAME TO expire_audit');
    now += 10_001;
    expect(await run()).toEqual([]);
  });

  test('is looked at once an hour', async () => {
    await project({ systemSetting: days(30) });
    const audit = new ReadAudit({ clock: { now: () => new Date(now) }, onFailure: () => undefined });
    let now = Date.now();
    const run = async () => {
      audit.sealSoon(t.tenant);
      await audit.flush();
      return entities();
    };
    await run();
    await sealedBefore(60, 'old');
    expect(await run()).toEqual(['old']);
    now += 3_600_001;
    expect(await run()).toEqual([]);
  });

  test.each([
    ['setting', { name: 'auditRetentionDays', valueInteger: 29 }],
    ['setting', { name: 'auditRetentionDays', valueInteger: 36_501 }],
    ['systemSetting', { name: 'auditRetentionDays', valueString: '90' }],
  ])('a Project with %s %j is refused', async (list, setting) => {
    await expect(project({ [list]: [setting] })).rejects.toMatchObject({ category: 'invalid' });
  });

  test('of less than 30 days is refused by the database itself, whoever asks', async () => {
    await expect(
      t.tenant.use((connection) => connection.query(compiledSql({ text: 'SELECT expire_audit(29, 10)', values: [] }))),
    ).rejects.toThrow('30 days');
  });
});

describe('a strict audit', () => {
  test('is written when whoever waits goes on, and those who wait together share a statement', async () => {
    const audit = new ReadAudit({ maxWaitMs: 3_600_000, onFailure: () => undefined });
    audit.record(t.tenant, entry('one'));
    const first = audit.written(t.tenant);
    audit.record(t.tenant, entry('two'));
    audit.record(t.tenant, entry('three'));
    await Promise.all([first, audit.written(t.tenant), audit.written(t.tenant)]);
    expect(await entities()).toEqual(['one', 'two', 'three']);
    const writers = await t.rows(`SELECT DISTINCT writer FROM audit_event WHERE agent = 'Practitioner/p'`);
    expect(writers).toHaveLength(1);
    await expect(audit.written(t.tenant)).resolves.toBeUndefined();
  });

  test('that cannot be written lets nobody go on', async () => {
    const audit = new ReadAudit({ maxWaitMs: 3_600_000, onFailure: () => undefined });
    await t.rows('ALTER TABLE audit_event RENAME TO away');
    audit.record(t.tenant, entry('lost'));
    await expect(audit.written(t.tenant)).rejects.toMatchObject({ category: 'unavailable' });
    await t.rows('ALTER TABLE away RENAME TO audit_event');
    await audit.flush();
    expect(await entities()).toEqual(['lost']);
  });
});
