/** What the control database keeps of requests: attempts to log in, answers under a key, and who changed what. */
import {
  AuditRepository,
  IdempotencyRepository,
  LoginThrottleRepository,
  openControlDatabase,
  Transactions,
} from '#control-database';
import { aDatabase } from '#testing';
import { TestControlDatabase } from './control-database.fixture.js';

let control: TestControlDatabase;
beforeAll(async () => {
  control = await TestControlDatabase.open();
});
afterAll(() => control.close());

describe('login throttle', () => {
  test('five attempts are free, then the pause doubles; a success forgets an account but not an address', async () => {
    const throttle = new LoginThrottleRepository(control.dataSource);
    const passed: number[] = [];
    for (let attempt = 0; attempt < 5; attempt++) passed.push(await throttle.begin('account:a'));
    expect(passed).toEqual([0, 0, 0, 0, 0]);
    expect(await throttle.begin('account:a')).toBe(1);
    await control.dataSource.query(`UPDATE login_throttle SET blocked_until = now() WHERE subject = 'account:a'`);
    expect(await throttle.begin('account:a')).toBe(0);
    expect(await throttle.begin('account:a')).toBe(2);
    await throttle.forget('account:a');
    expect(await throttle.begin('account:a')).toBe(0);

    for (let attempt = 0; attempt < 4; attempt++) await throttle.begin('address:a');
    await throttle.begin('address:a');
    await throttle.uncount('address:a');
    expect(await throttle.begin('address:a')).toBe(0);
    expect(await throttle.begin('address:a')).toBeGreaterThan(0);
  });

  test('attempts at once are counted before any of them is judged', async () => {
    const throttle = new LoginThrottleRepository(control.dataSource);
    const waits = await Promise.all(Array.from({ length: 20 }, () => throttle.begin('account:parallel')));
    expect(waits.filter((seconds) => seconds === 0)).toHaveLength(5);
  });

  test('a long pause forgives', async () => {
    const throttle = new LoginThrottleRepository(control.dataSource);
    for (let attempt = 0; attempt < 5; attempt++) await throttle.begin('account:old');
    await control.dataSource.query(
      `UPDATE login_throttle SET last_failed_at = now() - interval '1 h', blocked_until = now() WHERE subject = 'account:old'`,
    );
    expect(await throttle.begin('account:old')).toBe(0);
    expect(await throttle.begin('account:old')).toBe(0);
  });

  test('log-ins that succeed do not keep the failures of their address from being forgiven', async () => {
    const throttle = new LoginThrottleRepository(control.dataSource);
    const address = 'address:busy';
    const pass = (minutes: number) =>
      control.dataSource.query(
        `UPDATE login_throttle SET last_failed_at = last_failed_at - $1 * interval '1 min', blocked_until = '-infinity'
          WHERE subject = $2`,
        [minutes, address],
      );
    for (let failure = 0; failure < 5; failure++) {
      await throttle.begin(address);
      await pass(1);
      await throttle.failed(address);
    }
    for (let success = 0; success < 3; success++) {
      await pass(12);
      expect(await throttle.begin(address)).toBe(0);
      await throttle.uncount(address);
    }
    for (let failure = 0; failure < 4; failure++) {
      expect(await throttle.begin(address)).toBe(0);
      await throttle.failed(address);
    }
    expect(await throttle.begin(address)).toBe(0);
  });
});

describe('idempotency keys', () => {
  const request = { caller: 'operator:a', key: 'k', method: 'POST', path: '/p', bodyHash: Buffer.from('1') };
  const kept = { reserveSeconds: 60, keptHours: 24 };
  const answer = { status: 201, headers: { Location: '/x' }, body: { id: 1 } };
  let keys: IdempotencyRepository;
  beforeAll(() => {
    keys = new IdempotencyRepository(control.dataSource);
  });

  test('one of many requests at once is reserved; the others are in flight, and later replayed', async () => {
    const one = { ...request, key: 'many' };
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => keys.reserve(one, kept)));
    const reserved = outcomes.filter((each) => each.outcome === 'reserved');
    expect(reserved).toHaveLength(1);
    expect(outcomes.filter(({ outcome }) => outcome === 'in-flight')).toHaveLength(5);
    await keys.settle(reserved[0]!.reservation, answer);
    expect(await keys.reserve(one, kept)).toEqual({ outcome: 'replay', answer });
    expect(await keys.reserve({ ...one, bodyHash: Buffer.from('2') }, kept)).toEqual({ outcome: 'mismatch' });
    expect(await keys.reserve({ ...one, path: '/q' }, kept)).toEqual({ outcome: 'mismatch' });
    expect((await keys.reserve({ ...one, caller: 'operator:b' }, kept)).outcome).toBe('reserved');
  });

  test('a process that dies before its change leaves a key that can be taken over, and its late answer counts for nothing', async () => {
    const one = { ...request, key: 'crash-before' };
    const dead = await keys.reserve(one, { ...kept, reserveSeconds: -1 });
    const next = await keys.reserve(one, kept);
    expect(next.outcome).toBe('reserved');
    if (dead.outcome !== 'reserved' || next.outcome !== 'reserved') throw new Error('both reserve');
    await keys.settle(dead.reservation, { ...answer, status: 500 });
    await keys.settle(next.reservation, answer);
    expect(await keys.reserve(one, kept)).toEqual({ outcome: 'replay', answer });
  });

  test('a process that dies after its change leaves the recorded answer', async () => {
    const one = { ...request, key: 'crash-after' };
    const dead = await keys.reserve(one, { ...kept, reserveSeconds: -1 });
    if (dead.outcome !== 'reserved') throw new Error('it reserves');
    await keys.record(dead.reservation, answer);
    expect(await keys.reserve(one, kept)).toEqual({ outcome: 'replay', answer });
  });

  test('a released key may be used again, and a key older than a day is unknown', async () => {
    const one = { ...request, key: 'again' };
    const first = await keys.reserve(one, kept);
    if (first.outcome !== 'reserved') throw new Error('it reserves');
    await keys.release(first.reservation);
    const second = await keys.reserve(one, kept);
    if (second.outcome !== 'reserved') throw new Error('it reserves');
    await keys.settle(second.reservation, answer);
    await control.dataSource.query(
      `UPDATE idempotency_key SET created_at = now() - interval '25 h' WHERE key = 'again'`,
    );
    expect((await keys.reserve({ ...one, bodyHash: Buffer.from('other') }, kept)).outcome).toBe('reserved');
  });
});

describe('the audit chain', () => {
  test('holds over records written at once, and a change, a gap or a swapped record breaks it', async () => {
    const own = await aDatabase();
    const source = await openControlDatabase({ databaseUrl: own.url }, { migrate: true });
    const audit = new AuditRepository(source);
    const entry = {
      actor: 'operator:ä',
      action: 'project.update',
      target: 'project:1',
      requestId: 'r',
      outcome: 'success',
    };
    await Promise.all(
      Array.from({ length: 12 }, (_, each) => audit.append({ ...entry, before: { n: each }, after: { n: each + 1 } })),
    );
    expect(await audit.verifyChain()).toMatchObject({ intact: true, records: 12 });

    await expect(source.query(`UPDATE audit_record SET actor = 'x'`)).rejects.toThrow(/append-only/);
    await expect(source.query('DELETE FROM audit_record')).rejects.toThrow(/append-only/);
    await source.query('ALTER TABLE audit_record DISABLE TRIGGER USER');
    await source.query(`UPDATE audit_record SET outcome = 'denied' WHERE id = 5`);
    expect(await audit.verifyChain()).toMatchObject({ intact: false, brokenAt: '5' });
    await source.query(`UPDATE audit_record SET outcome = 'success' WHERE id = 5`);
    expect(await audit.verifyChain()).toMatchObject({ intact: true });
    await source.query('DELETE FROM audit_record WHERE id = 7');
    expect(await audit.verifyChain()).toMatchObject({ intact: false, brokenAt: '8' });
    await source.destroy();
    await own.drop();
  });

  test('a mutation that is rolled back leaves no record and no gap', async () => {
    const audit = new AuditRepository(control.dataSource);
    const entry = { actor: 'a', action: 'b', target: 'c', requestId: 'r', outcome: 'success' };
    await audit.append(entry);
    await expect(
      new Transactions(control.dataSource).run(async (transaction) => {
        await audit.append(entry, transaction);
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    await audit.append(entry);
    expect(await audit.verifyChain()).toMatchObject({ intact: true });
  });
});
