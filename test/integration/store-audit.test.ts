import { findBrokenSeal, ReadAudit, recordAudit, sealAudit, tenantDatabase, type AuditEntry } from '#fhir-store';
import { compiledSql } from '#postgres';
import { aPatient, aTenant, type TestTenant, until } from './store.fixture.js';

let t: TestTenant;
beforeAll(async () => {
  t = await aTenant();
});
afterAll(() => t.close());

const entry = (entity: string): AuditEntry => ({
  action: 'R',
  outcome: 'success',
  agent: 'Practitioner/p',
  entity,
  requestId: 'r',
});
const seal = () => t.tenant.use(sealAudit);
const broken = () => t.tenant.use(findBrokenSeal);
const sealed = async () =>
  Number((await t.rows<{ n: string }>('SELECT coalesce(sum(row_count), 0) AS n FROM audit_seal'))[0]?.n);
const recorded = async () => Number((await t.rows<{ n: string }>('SELECT count(*) AS n FROM audit_event'))[0]?.n);
/** Seals until no row is without one. Transactions of other databases, so of other tests, hold a seal up as well. */
const sealAll = () =>
  until(async () => {
    await seal();
    return (await sealed()) === (await recorded());
  });

describe('the audit', () => {
  test('keeps what it is told, in order, whatever characters a client has sent', async () => {
    const odd = 'Patient?name="\\,{}\'\n\u001e\u0000é😀';
    await t.tenant.use((connection) =>
      recordAudit(connection, [
        { ...entry(odd), detail: 'd', at: Date.UTC(2026, 0, 2) },
        { ...entry('second'), outcome: 'failed' },
      ]),
    );
    expect(
      await t.rows('SELECT action, outcome, agent, entity, detail, request_id FROM audit_event ORDER BY writer, id'),
    ).toEqual([
      {
        action: 'R',
        outcome: 0,
        agent: 'Practitioner/p',
        entity: odd.replace('\0', '\ufffd'),
        detail: 'd',
        request_id: 'r',
      },
      { action: 'R', outcome: 8, agent: 'Practitioner/p', entity: 'second', detail: null, request_id: 'r' },
    ]);
    expect(
      await t.rows(`SELECT recorded = '2026-01-02T00:00:00Z' AS same FROM audit_event WHERE detail = 'd'`),
    ).toEqual([{ same: true }]);
  });
});

describe('seals', () => {
  test('cover every row once, those of writes too, and hold as long as nobody touches them', async () => {
    await (await t.repository()).create(aPatient());
    await seal();
    await t.tenant.use((connection) => recordAudit(connection, [entry('a'), entry('b')]));
    await sealAll();
    expect(await seal()).toBe(0);
    expect(await sealed()).toBe(await recorded());
    expect(await broken()).toBeUndefined();
  });

  test('leave rows of transactions that still run to the next seal', async () => {
    const other = await t.connect();
    try {
      await other.transaction(async (transaction) => {
        await recordAudit(transaction, [entry('of a slow transaction')]);
        await t.tenant.use((connection) => recordAudit(connection, [entry('of a quick one')]));
        await seal();
        expect(await sealed()).toBeLessThan(await recorded());
      });
    } finally {
      await other.close();
    }
    await sealAll();
    expect(await broken()).toBeUndefined();
  });

  test('made by several sessions at a time form one chain', async () => {
    await Promise.all(
      Array.from({ length: 6 }, async (_, n) => {
        await t.tenant.use((connection) => recordAudit(connection, [entry(`concurrent ${n}`)]));
        await seal();
      }),
    );
    await sealAll();
    expect(await broken()).toBeUndefined();
  });

  test.each([
    ['changes a row', `UPDATE audit_event SET entity = 'changed' WHERE entity = 'a'`],
    ['removes a row', `DELETE FROM audit_event WHERE entity = 'a'`],
    [
      'adds a row in between',
      `INSERT INTO audit_event (recorded, action, outcome, agent, entity, writer)
       SELECT recorded, 'R', 0, 'x', 'slipped in', writer FROM audit_event WHERE entity = 'a'`,
    ],
    ['changes a seal', `UPDATE audit_seal SET hash = sha256(hash) WHERE id = (SELECT min(id) FROM audit_seal)`],
    ['removes a seal', `DELETE FROM audit_seal WHERE id = (SELECT min(id) FROM audit_seal)`],
    [
      'recomputes the seal of a changed row',
      `WITH x AS (UPDATE audit_event SET agent = 'y' WHERE entity = 'a' RETURNING writer)
       UPDATE audit_seal s SET hash = sha256('') FROM x WHERE x.writer >= s.from_writer AND x.writer < s.until_writer`,
    ],
  ])('betray an owner of the database who %s', async (_, tampering) => {
    await expect(
      t.owner.transaction(async (transaction) => {
        await transaction.query(compiledSql({ text: tampering, values: [] }));
        const found = await findBrokenSeal(transaction);
        expect(found).toBeDefined();
        throw new Error('undo');
      }),
    ).rejects.toThrow('undo');
    expect(await broken()).toBeUndefined();
  });
});

describe('the audit of readings', () => {
  let failures: [string, number][];
  let audit: ReadAudit;
  beforeEach(() => {
    failures = [];
    audit = new ReadAudit({ onFailure: (projectId, _, lost) => failures.push([projectId, lost]) });
  });
  afterEach(() => audit.flush());
  const entitiesLike = async (start: string) =>
    (
      await t.rows<{ entity: string }>(
        'SELECT entity FROM audit_event WHERE entity LIKE $1 ORDER BY writer, id',
        `${start}%`,
      )
    ).map((row) => row.entity);

  test('writes entries together soon after the first one, and seals them', async () => {
    let uses = 0;
    const counting = tenantDatabase({
      ...t.tenant,
      use: (work) => {
        uses++;
        return t.tenant.use(work);
      },
    });
    for (let n = 0; n < 3; n++) audit.record(counting, entry(`soon ${n}`));
    expect(uses).toBe(0);
    const deadline = Date.now() + 30_000;
    while ((await entitiesLike('soon')).length === 0 && Date.now() < deadline);
    expect(await entitiesLike('soon')).toEqual(['soon 0', 'soon 1', 'soon 2']);
    expect((await t.rows('SELECT DISTINCT writer FROM audit_event WHERE entity LIKE $1', 'soon%')).length).toBe(1);
    const before = await recorded();
    await until(async () => {
      audit.record(t.tenant, entry('later'));
      await audit.flush();
      return (await sealed()) >= before;
    });
  });

  test('writes what is left when the process ends', async () => {
    audit.record(t.tenant, entry('last words'));
    await audit.flush();
    expect(await entitiesLike('last words')).toEqual(['last words']);
  });

  test('does not wait when many entries have gathered', async () => {
    const eager = new ReadAudit({ maxBatch: 10, maxWaitMs: 3_600_000, onFailure: () => undefined });
    for (let n = 0; n < 10; n++) eager.record(t.tenant, entry(`many ${n}`));
    const deadline = Date.now() + 30_000;
    while ((await entitiesLike('many')).length === 0 && Date.now() < deadline);
    expect(await entitiesLike('many')).toHaveLength(10);
    await eager.flush();
  });

  test('writes each project to its own database', async () => {
    const other = await aTenant();
    try {
      audit.record(t.tenant, entry('mine'));
      audit.record(other.tenant, entry('theirs'));
      await audit.flush();
      expect(await entitiesLike('theirs')).toEqual([]);
      expect(await other.rows('SELECT entity FROM audit_event')).toEqual([{ entity: 'theirs' }]);
    } finally {
      await other.close();
    }
  });

  test('keeps entries that could not be written, tells about it, and writes them later', async () => {
    let down = true;
    const shaky = tenantDatabase({
      ...t.tenant,
      use: (work) => (down ? Promise.reject(new Error('no connection')) : t.tenant.use(work)),
    });
    audit.record(shaky, entry('kept 1'));
    await audit.flush();
    expect(failures).toEqual([[t.tenant.projectId, 0]]);
    down = false;
    audit.record(shaky, entry('kept 2'));
    await audit.flush();
    expect(await entitiesLike('kept')).toEqual(['kept 1', 'kept 2']);
  });

  test('does the upkeep once for all that is written within a second, and nobody waits for it', async () => {
    let uses = 0;
    const counting = tenantDatabase({
      ...t.tenant,
      use: (work) => {
        uses++;
        return t.tenant.use(work);
      },
    });
    let upkeeps = 0;
    const audit = new ReadAudit({
      onFailure: (_, error) => expect(error).toBeUndefined(),
      onUpkeep: () => void upkeeps++,
    });
    for (const name of ['first', 'second', 'third']) {
      audit.record(counting, entry(name));
      await audit.written(counting);
      audit.sealSoon(counting);
    }
    expect([uses, upkeeps]).toEqual([3, 0]);
    await until(async () => Promise.resolve(upkeeps === 1));
    await audit.flush();
    expect(upkeeps).toBe(1);
  });

  test('gives the oldest entries up when it can keep no more, and says how many', async () => {
    const down = tenantDatabase({ ...t.tenant, use: () => Promise.reject(new Error('no connection')) });
    for (let n = 0; n < 10_005; n++) audit.record(down, entry(`n ${n}`));
    await audit.flush();
    expect(failures.at(-1)).toEqual([t.tenant.projectId, 5]);
    audit.sealSoon(t.tenant);
    await audit.flush();
  });
});

test('statistics follow a tenant that grows, so that plans made for empty tables do not stay', async () => {
  const young = await aTenant();
  try {
    await young.rows('VACUUM (FULL, ANALYZE)');
    const repository = await young.repository();
    const estimate = async () =>
      Number((await young.rows<{ n: number }>(`SELECT reltuples AS n FROM pg_class WHERE relname = 'resource'`))[0]?.n);
    const grow = async (count: number) => {
      const entry = Array.from({ length: count }, () => ({
        request: { method: 'POST', url: 'Patient' },
        resource: { resourceType: 'Patient', name: [{ family: 'Many' }] },
      }));
      await repository.processBundle(
        JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }),
        'https://x/',
      );
      const audit = new ReadAudit({ onFailure: (_, error) => expect(error).toBeUndefined() });
      audit.sealSoon(young.tenant);
      await audit.flush();
    };
    expect(await estimate()).toBe(0);
    await grow(300);
    expect(await estimate()).toBe(300);
    await grow(20);
    expect(await estimate()).toBe(300);
    await grow(400);
    expect(await estimate()).toBe(720);
  } finally {
    await young.close();
  }
});
