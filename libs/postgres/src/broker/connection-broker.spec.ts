import type { Connection, DatabaseTarget } from '../connection.js';
import type { OpenSession } from '../session.js';
import { sql } from '../sql.js';
import { ConnectionBroker, type ConnectionBrokerOptions } from './connection-broker.js';

/** A session without a server: it counts what happens to it. */
class FakeSession implements OpenSession {
  pending = 0;
  broken = false;
  onLost: ((cause: Error) => void) | undefined;
  isQuiet = true;
  closed = false;

  constructor(readonly target: DatabaseTarget) {}

  async rows<Row extends object>(): Promise<Row[]> {
    return [{ key: this.target.key }] as unknown as Row[];
  }

  async command(): Promise<string> {
    return 'COMMIT';
  }

  whenDrained(then: () => void): void {
    this.drained = then;
  }

  drained: () => void = () => undefined;

  async close(): Promise<void> {
    this.broken = true;
    this.closed = true;
  }
}

/** A server that a test controls: what was dialled, how each dial ends. */
class FakeServer {
  readonly sessions: FakeSession[] = [];
  readonly dialled: string[] = [];
  mostOpen = 0;
  refuse: Error | undefined;
  private held: (() => void)[] | undefined;

  readonly dial = async (target: DatabaseTarget): Promise<OpenSession> => {
    this.dialled.push(target.key);
    if (this.held !== undefined) await new Promise<void>((resolve) => this.held?.push(resolve));
    if (this.refuse !== undefined) throw this.refuse;
    const session = new FakeSession(target);
    this.sessions.push(session);
    this.mostOpen = Math.max(this.mostOpen, this.open.length);
    return session;
  };

  get open(): FakeSession[] {
    return this.sessions.filter((session) => !session.closed);
  }

  /** Dials do not end until `release`. */
  hold(): void {
    this.held = [];
  }

  async release(): Promise<void> {
    const waiting = this.held ?? [];
    this.held = undefined;
    for (const resolve of waiting) resolve();
    await settle();
  }
}

/** Work that ends when the test says so. */
class Work {
  started = false;
  connection: Connection | undefined;
  private finish: () => void = () => undefined;
  private fail: (error: Error) => void = () => undefined;
  readonly outcome: Promise<string>;

  constructor(broker: ConnectionBroker, target: DatabaseTarget, how: 'use' | 'share' = 'use') {
    this.outcome = broker[how](target, (connection) => {
      this.started = true;
      this.connection = connection;
      return new Promise<void>((resolve, reject) => {
        this.finish = resolve;
        this.fail = reject;
      });
    }).then(
      () => 'done',
      (error: Error & { code?: string }) => error.code ?? error.message,
    );
  }

  async end(error?: Error): Promise<string> {
    if (error === undefined) this.finish();
    else this.fail(error);
    const outcome = await this.outcome;
    await settle();
    return outcome;
  }
}

const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

const target = (key: string, clusterId = 'cl_1'): DatabaseTarget => ({
  key,
  clusterId,
  host: '127.0.0.1',
  port: 5432,
  database: key,
  user: key,
  password: 'x',
});

let server: FakeServer;
let brokers: ConnectionBroker[];
let time: number;

beforeEach(() => {
  jest.useFakeTimers();
  server = new FakeServer();
  brokers = [];
  time = 0;
});

afterEach(() => {
  jest.useRealTimers();
});

function aBroker(options: Partial<ConnectionBrokerOptions> = {}): ConnectionBroker {
  const broker = new ConnectionBroker({ maxConnections: 10, dial: server.dial, now: () => time, ...options });
  brokers.push(broker);
  return broker;
}

async function start(broker: ConnectionBroker, key: string, how: 'use' | 'share' = 'use'): Promise<Work> {
  const work = new Work(broker, target(key), how);
  await settle();
  return work;
}

describe('lending', () => {
  test('a second use finds the connection of the first', async () => {
    const broker = aBroker();
    await (await start(broker, 'a')).end();
    await (await start(broker, 'a')).end();
    expect(server.dialled).toEqual(['a']);
    expect(broker.stats()).toEqual({ open: 1, idle: 1, waiting: 0, dialling: 0 });
  });

  test('with an idle connection the work starts before `use` returns', async () => {
    const broker = aBroker();
    await (await start(broker, 'a')).end();
    expect(new Work(broker, target('a')).started).toBe(true);
  });

  test('work gets a connection to its own database only', async () => {
    const broker = aBroker();
    const rows = await Promise.all(
      ['a', 'b', 'a', 'c', 'b'].map((key) => broker.use(target(key), (connection) => connection.query(sql`SELECT 1`))),
    );
    expect(rows).toEqual(['a', 'b', 'a', 'c', 'b'].map((key) => [{ key }]));
  });

  test('what the work rejects with is passed on, and the connection is kept', async () => {
    const broker = aBroker();
    expect(await (await start(broker, 'a')).end(new Error('mine'))).toBe('mine');
    expect(broker.stats()).toMatchObject({ open: 1, idle: 1 });
  });

  test('work that throws at once gives its connection back', async () => {
    const broker = aBroker();
    const throwing = () => {
      throw new Error('at once');
    };
    await expect(broker.use(target('a'), throwing)).rejects.toThrow('at once');
    await expect(broker.use(target('a'), throwing)).rejects.toThrow('at once');
    expect(broker.stats()).toMatchObject({ open: 1, idle: 1 });
  });

  test('a connection cannot be used after it was given back', async () => {
    const broker = aBroker();
    const work = await start(broker, 'a');
    await work.end();
    await expect(work.connection?.query(sql`SELECT 1`)).rejects.toThrow(/given back/);
    await expect(work.connection?.transaction(async () => 1)).rejects.toThrow(/given back/);
  });

  test('a connection in an open transaction, or broken, is closed and not lent again', async () => {
    const broker = aBroker();
    const first = await start(broker, 'a');
    (server.sessions[0] as FakeSession).isQuiet = false;
    await first.end();
    const second = await start(broker, 'a');
    (server.sessions[1] as FakeSession).broken = true;
    await second.end();
    expect(server.sessions.map((session) => session.closed)).toEqual([true, true]);
    expect(broker.stats().open).toBe(0);
  });

  test('a connection with statements still under way is lent again only when they are answered', async () => {
    const broker = aBroker({ perTenant: 1 });
    const first = await start(broker, 'a');
    const session = server.sessions[0] as FakeSession;
    session.pending = 1;
    await first.end();
    const second = await start(broker, 'a');
    expect(second.started).toBe(false);
    session.pending = 0;
    session.drained();
    expect(second.started).toBe(true);
  });

  test('an idle connection that is lost is forgotten, and the next use opens another', async () => {
    const broker = aBroker();
    await (await start(broker, 'a')).end();
    server.sessions[0]?.onLost?.(new Error('server restarted'));
    await settle();
    expect(broker.stats()).toMatchObject({ open: 0, idle: 0 });
    await (await start(broker, 'a')).end();
    expect(server.dialled).toEqual(['a', 'a']);
  });
});

describe('limits', () => {
  test('a tenant has at most two connections, and its callers are served in the order they came', async () => {
    const broker = aBroker();
    const works = [];
    for (let caller = 0; caller < 5; caller++) works.push(await start(broker, 'a'));
    expect(server.dialled).toHaveLength(2);
    expect(works.map((work) => work.started)).toEqual([true, true, false, false, false]);
    await works[1]?.end();
    expect(works.map((work) => work.started)).toEqual([true, true, true, false, false]);
    await works[0]?.end();
    expect(works.map((work) => work.started)).toEqual([true, true, true, true, false]);
  });

  test('a tenant has more connections while more than half of the cluster is free', async () => {
    const broker = aBroker({ maxConnections: 8, perTenantWithRoom: 4 });
    const works = [];
    for (let caller = 0; caller < 6; caller++) works.push(await start(broker, 'a'));
    expect(server.dialled).toHaveLength(4);
    for (let caller = 0; caller < 4; caller++) await start(broker, 'b');
    // Half of the cluster is taken, so the second tenant has no more than two.
    expect(server.dialled.slice(4)).toEqual(['b', 'b']);
    for (const work of works) await work.end();
    expect(works.map((work) => work.started)).toEqual([true, true, true, true, true, true]);
  });

  test('a caller is not refused because the process stood still, but waits as much longer, once', async () => {
    const broker = aBroker();
    server.hold();
    const served = await start(broker, 'a');
    time = 2_000;
    await jest.advanceTimersByTimeAsync(1_000);
    await server.release();
    await settle();
    expect(served.started).toBe(true);

    server.hold();
    const refused = await start(broker, 'b');
    time += 1_300;
    await jest.advanceTimersByTimeAsync(1_299);
    time += 1_300;
    await jest.advanceTimersByTimeAsync(1);
    expect(await refused.outcome).toBe('database-busy');
  });

  test('at most four dials are in flight', async () => {
    const broker = aBroker();
    server.hold();
    for (let tenant = 0; tenant < 7; tenant++) await start(broker, `t${tenant}`);
    expect(server.dialled).toEqual(['t0', 't1', 't2', 't3']);
    expect(broker.stats()).toEqual({ open: 4, idle: 0, waiting: 7, dialling: 4 });
    await server.release();
    expect(server.dialled).toHaveLength(7);
    expect(broker.stats()).toMatchObject({ open: 7, waiting: 0, dialling: 0 });
  });

  test('each cluster has a cap and dials of its own', async () => {
    const broker = aBroker({ maxConnections: 1 });
    const first = new Work(broker, target('a', 'cl_1'));
    const second = new Work(broker, target('b', 'cl_2'));
    await settle();
    expect([first.started, second.started]).toEqual([true, true]);
  });

  test('at the cap the connection that has been idle longest gives way', async () => {
    const broker = aBroker({ maxConnections: 3 });
    for (const key of ['a', 'b', 'c', 'a']) await (await start(broker, key)).end();
    const work = await start(broker, 'd');
    expect(work.started).toBe(true);
    expect(server.open.map((session) => session.target.key)).toEqual(['a', 'c', 'd']);
    expect(server.mostOpen).toBe(3);
  });

  test('the place of an evicted connection is free only when it is closed', async () => {
    const broker = aBroker({ maxConnections: 1 });
    await (await start(broker, 'a')).end();
    let finishClosing: () => void = () => undefined;
    const evicted = server.sessions[0] as FakeSession;
    evicted.close = () =>
      new Promise<void>((resolve) => {
        finishClosing = () => {
          evicted.closed = true;
          resolve();
        };
      });
    const work = await start(broker, 'b');
    expect(server.dialled).toEqual(['a']);
    finishClosing();
    await settle();
    expect(work.started).toBe(true);
  });

  test('work in flight is never cut', async () => {
    const broker = aBroker({ maxConnections: 1 });
    const long = await start(broker, 'a');
    const other = await start(broker, 'b');
    expect(server.open.map((session) => session.target.key)).toEqual(['a']);
    expect(other.started).toBe(false);
    expect(await long.end()).toBe('done');
    expect(other.started).toBe(true);
  });

  test('a tenant under load cannot keep another one without a connection', async () => {
    const broker = aBroker({ maxConnections: 1 });
    const first = await start(broker, 'busy');
    const starving = await start(broker, 'quiet');
    const later = await start(broker, 'busy');
    await first.end();
    expect([starving.started, later.started]).toEqual([true, false]);
    await starving.end();
    expect(later.started).toBe(true);
  });

  test('a new connection serves a caller of its own before it yields to one who came earlier', async () => {
    const broker = aBroker({ maxConnections: 1 });
    server.hold();
    await start(broker, 'a');
    jest.advanceTimersByTime(500);
    const other = await start(broker, 'b');
    jest.advanceTimersByTime(500);
    const later = await start(broker, 'a');
    await server.release();
    expect([later.started, other.started]).toEqual([true, false]);
    await later.end();
    expect(other.started).toBe(true);
    expect(server.dialled).toEqual(['a', 'b']);
  });

  test('a caller that came earlier is not passed over for another tenant', async () => {
    const broker = aBroker({ maxConnections: 1, perTenant: 1 });
    const first = await start(broker, 'a');
    const second = await start(broker, 'a');
    const other = await start(broker, 'b');
    await first.end();
    expect([second.started, other.started]).toEqual([true, false]);
  });

  test('tenants without a connection are served before tenants that want one more', async () => {
    const broker = aBroker({ maxConnections: 10, maxDials: 1 });
    const busy = await start(broker, 'a');
    server.hold();
    await start(broker, 'x');
    await start(broker, 'a');
    await start(broker, 'b');
    await server.release();
    expect(server.dialled).toEqual(['a', 'x', 'b', 'a']);
    await busy.end();
  });

  test('tenants that wait take turns', async () => {
    const broker = aBroker({ maxConnections: 10, maxDials: 1 });
    server.hold();
    await start(broker, 'x');
    for (const key of ['a', 'a', 'b', 'b', 'c']) await start(broker, key);
    await server.release();
    expect(server.dialled).toEqual(['x', 'a', 'b', 'c', 'a', 'b']);
  });

  test('the cap holds under a mixed load, and everybody is served', async () => {
    const broker = aBroker({ maxConnections: 5 });
    let seed = 1;
    const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    let done = 0;
    const uses = Array.from({ length: 500 }, () =>
      broker.use(target(`t${Math.floor(random() ** 3 * 40)}`), async () => {
        for (let turn = random() * 10; turn > 0; turn--) await Promise.resolve();
        done++;
      }),
    );
    await Promise.all(uses);
    expect(done).toBe(500);
    expect(server.mostOpen).toBe(5);
    expect(broker.stats()).toMatchObject({ open: 5, idle: 5, waiting: 0, dialling: 0 });
  });
});

describe('waiting', () => {
  test('a caller waits one second, then is refused with a time to come back', async () => {
    const broker = aBroker({ maxConnections: 1 });
    await start(broker, 'a');
    const refused = broker.use(target('b'), async () => 1);
    const outcome = expect(refused).rejects.toMatchObject({
      category: 'unavailable',
      code: 'database-busy',
      retryAfterSeconds: 1,
    });
    jest.advanceTimersByTime(999);
    expect(broker.stats().waiting).toBe(1);
    jest.advanceTimersByTime(1);
    await outcome;
    expect(broker.stats().waiting).toBe(0);
  });

  test('a connection that is dialled too late stays for the next caller', async () => {
    const broker = aBroker();
    server.hold();
    const late = await start(broker, 'a');
    jest.advanceTimersByTime(1_000);
    expect(await late.outcome).toBe('database-busy');
    await server.release();
    expect(broker.stats()).toMatchObject({ open: 1, idle: 1 });
    expect((await start(broker, 'a')).started).toBe(true);
    expect(server.dialled).toEqual(['a']);
  });

  test('a connection that nobody uses for the idle timeout is closed', async () => {
    const broker = aBroker({ idleTimeoutMs: 60_000 });
    await (await start(broker, 'a')).end();
    jest.advanceTimersByTime(59_000);
    await (await start(broker, 'b')).end();
    jest.advanceTimersByTime(1_000);
    await settle();
    expect(server.open.map((session) => session.target.key)).toEqual(['b']);
    jest.advanceTimersByTime(60_000);
    await settle();
    expect(broker.stats()).toMatchObject({ open: 0, idle: 0 });
  });
});

describe('an unreachable database', () => {
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });

  test('each failed dial refuses the caller who waited for it, with the cause', async () => {
    const broker = aBroker();
    server.refuse = refused;
    await expect(broker.use(target('a'), async () => 1)).rejects.toMatchObject({
      category: 'unavailable',
      code: 'database-unreachable',
      cause: refused,
    });
    expect(broker.stats()).toEqual({ open: 0, idle: 0, waiting: 0, dialling: 0 });
  });

  test('five failures stop the dialling for ten seconds; then one probe decides', async () => {
    const broker = aBroker();
    server.refuse = refused;
    for (let attempt = 0; attempt < 5; attempt++) await (await start(broker, 'a')).outcome;
    expect(server.dialled).toHaveLength(5);

    expect(await (await start(broker, 'a')).outcome).toBe('database-unreachable');
    expect(server.dialled).toHaveLength(5);
    await expect(broker.use(target('a'), async () => 1)).rejects.toMatchObject({ retryAfterSeconds: 10 });

    time += 10_000;
    server.hold();
    const probes = [await start(broker, 'a'), await start(broker, 'a')];
    expect(server.dialled).toHaveLength(6);
    await server.release();
    expect(await probes[0]?.outcome).toBe('database-unreachable');
    expect(await probes[1]?.outcome).toBe('database-unreachable');

    time += 10_000;
    server.refuse = undefined;
    const work = await start(broker, 'a');
    expect(work.started).toBe(true);
    await work.end();
    expect(server.dialled).toHaveLength(7);
  });

  test('only failures in a row count', async () => {
    const broker = aBroker();
    const fail = async (times: number) => {
      server.refuse = refused;
      for (let attempt = 0; attempt < times; attempt++) await (await start(broker, 'a')).outcome;
      server.refuse = undefined;
    };
    await fail(4);
    await (await start(broker, 'a')).end();
    server.sessions[0]?.onLost?.(new Error('lost'));
    await settle();
    await fail(4);
    expect((await start(broker, 'a')).started).toBe(true);
  });

  test('is remembered when idle connections are swept', async () => {
    const broker = aBroker({ idleTimeoutMs: 1_000 });
    server.refuse = refused;
    for (let attempt = 0; attempt < 5; attempt++) await (await start(broker, 'a')).outcome;
    jest.advanceTimersByTime(1_000);
    expect(await (await start(broker, 'a')).outcome).toBe('database-unreachable');
    expect(server.dialled).toHaveLength(5);
  });

  test('failures of one tenant do not stop another', async () => {
    const broker = aBroker();
    server.refuse = refused;
    for (let attempt = 0; attempt < 5; attempt++) await (await start(broker, 'a')).outcome;
    server.refuse = undefined;
    expect((await start(broker, 'b')).started).toBe(true);
  });

  test('a tenant with a live connection is served by it while another cannot be opened', async () => {
    const broker = aBroker();
    const first = await start(broker, 'a');
    server.refuse = refused;
    const second = await start(broker, 'a');
    await first.end();
    expect(second.started).toBe(true);
  });

  test('a server that is full is no fault of the tenant’s database', async () => {
    const broker = aBroker();
    server.refuse = Object.assign(new Error('too many clients'), { code: '53300' });
    for (let attempt = 0; attempt < 6; attempt++) {
      expect(await (await start(broker, 'a')).outcome).toBe('database-busy');
    }
    expect(server.dialled).toHaveLength(6);
  });
});

describe('closing', () => {
  test('closing a tenant closes all its generations and no other’s', async () => {
    const broker = aBroker();
    for (const key of ['p1:1', 'p1:2', 'p10:1', 'p2:1']) await (await start(broker, key)).end();
    await broker.closeTenant('p1:');
    expect(server.open.map((session) => session.target.key)).toEqual(['p10:1', 'p2:1']);
    expect(broker.stats()).toMatchObject({ open: 2, idle: 2 });
  });

  test('closing a tenant waits for its work and refuses those who wait', async () => {
    const broker = aBroker({ perTenant: 1 });
    const working = await start(broker, 'a:1');
    const waiting = await start(broker, 'a:1');
    let closed = false;
    const closing = broker.closeTenant('a:').then(() => (closed = true));
    await settle();
    expect(await waiting.outcome).toBe('database-moved');
    expect(closed).toBe(false);
    expect(await working.end()).toBe('done');
    await closing;
    expect(server.open).toHaveLength(0);
  });

  test('a dial that ends after its tenant was closed leaves no connection', async () => {
    const broker = aBroker();
    server.hold();
    const waiting = await start(broker, 'a:1');
    const closing = broker.closeTenant('a:');
    await server.release();
    await closing;
    expect(await waiting.outcome).toBe('database-moved');
    expect(server.open).toHaveLength(0);
    expect(broker.stats().open).toBe(0);
  });

  test('a closed broker refuses everything', async () => {
    const broker = aBroker();
    await (await start(broker, 'a')).end();
    await broker.close();
    expect(server.open).toHaveLength(0);
    expect(await (await start(broker, 'a')).outcome).toBe('shutting-down');
  });
});

describe('preparing', () => {
  test('opens a connection that the first caller finds, and no second one', async () => {
    const broker = aBroker();
    broker.prepare(target('a'));
    broker.prepare(target('a'));
    await settle();
    expect(broker.stats()).toMatchObject({ open: 1, idle: 1 });
    await (await start(broker, 'a')).end();
    expect(server.dialled).toEqual(['a']);
  });

  test('takes nothing away from other tenants', async () => {
    const broker = aBroker({ maxConnections: 1 });
    await (await start(broker, 'a')).end();
    broker.prepare(target('b'));
    await settle();
    expect(server.open.map((session) => session.target.key)).toEqual(['a']);
  });

  test('a failure is left for the first caller to meet', async () => {
    const broker = aBroker();
    server.refuse = new Error('refused');
    broker.prepare(target('a'));
    await settle();
    expect(await (await start(broker, 'a')).outcome).toBe('database-unreachable');
  });
});

describe('sharing', () => {
  async function aWarmBroker(options: Partial<ConnectionBrokerOptions> = {}): Promise<ConnectionBroker> {
    const broker = aBroker({ perTenant: 1, ...options });
    await (await start(broker, 'a')).end();
    return broker;
  }

  test('callers of single statements are on one connection at a time', async () => {
    const broker = await aWarmBroker();
    const sharers = [await start(broker, 'a', 'share'), await start(broker, 'a', 'share')];
    expect(sharers.map(({ started }) => started)).toEqual([true, true]);
    expect(broker.stats()).toEqual({ open: 1, idle: 0, waiting: 0, dialling: 0 });
    for (const sharer of sharers) expect(await sharer.end()).toBe('done');
    expect(broker.stats()).toEqual({ open: 1, idle: 1, waiting: 0, dialling: 0 });
  });

  test('the first one, without any connection, has one opened', async () => {
    const broker = aBroker();
    expect(await (await start(broker, 'a', 'share')).end()).toBe('done');
    expect(server.dialled).toEqual(['a']);
  });

  test('a caller that needs it alone gets it when all of them are done, and nobody joins meanwhile', async () => {
    const broker = await aWarmBroker();
    const first = await start(broker, 'a', 'share');
    const second = await start(broker, 'a', 'share');
    const alone = await start(broker, 'a');
    const late = await start(broker, 'a', 'share');
    expect([alone.started, late.started]).toEqual([false, false]);
    await first.end();
    expect(alone.started).toBe(false);
    await second.end();
    expect([alone.started, late.started]).toEqual([true, false]);
    await alone.end();
    expect(late.started).toBe(true);
    await late.end();
  });

  test('nobody joins a connection that is lent to one caller alone', async () => {
    const broker = await aWarmBroker();
    const alone = await start(broker, 'a');
    const sharer = await start(broker, 'a', 'share');
    expect(sharer.started).toBe(false);
    await alone.end();
    expect(sharer.started).toBe(true);
    await sharer.end();
  });

  test('those who had to wait start together, in the order they came, up to the next one who needs it alone', async () => {
    const broker = await aWarmBroker();
    const holder = await start(broker, 'a');
    const first = await start(broker, 'a', 'share');
    const second = await start(broker, 'a', 'share');
    const alone = await start(broker, 'a');
    const last = await start(broker, 'a', 'share');
    await holder.end();
    expect([first, second, alone, last].map(({ started }) => started)).toEqual([true, true, false, false]);
    await first.end();
    await second.end();
    expect([alone.started, last.started]).toEqual([true, false]);
    await alone.end();
    await last.end();
    expect(broker.stats()).toEqual({ open: 1, idle: 1, waiting: 0, dialling: 0 });
  });

  test('no more than sixteen callers are on one connection, also when they waited for it', async () => {
    const broker = await aWarmBroker();
    const holder = await start(broker, 'a');
    const sharers = [];
    for (let caller = 0; caller < 18; caller++) sharers.push(await start(broker, 'a', 'share'));
    await holder.end();
    expect(sharers.filter(({ started }) => started)).toHaveLength(16);
    for (const sharer of sharers) await sharer.end();
    expect(broker.stats()).toEqual({ open: 1, idle: 1, waiting: 0, dialling: 0 });
  });

  test('a tenant that waits for its first connection is not kept waiting by those who would join', async () => {
    const broker = await aWarmBroker({ maxConnections: 1 });
    const first = await start(broker, 'a', 'share');
    const other = await start(broker, 'b');
    const late = await start(broker, 'a', 'share');
    expect(late.started).toBe(false);
    await first.end();
    expect(other.started).toBe(true);
    await other.end();
    await late.end();
  });

  test('another tenant never joins', async () => {
    const broker = await aWarmBroker();
    await (await start(broker, 'b')).end();
    const a = await start(broker, 'a', 'share');
    const b = await start(broker, 'b', 'share');
    expect(await a.connection?.query(sql`SELECT 1`)).toEqual([{ key: 'a' }]);
    expect(await b.connection?.query(sql`SELECT 1`)).toEqual([{ key: 'b' }]);
    await a.end();
    await b.end();
  });

  test('a connection that was lost is not joined', async () => {
    const broker = await aWarmBroker();
    const first = await start(broker, 'a', 'share');
    for (const session of server.sessions) session.broken = true;
    const late = await start(broker, 'a', 'share');
    expect(late.started).toBe(false);
    await first.end();
    expect(server.dialled).toEqual(['a', 'a']);
    await late.end();
  });

  test("a shared connection runs no transaction and is nobody's after the work", async () => {
    const broker = await aWarmBroker();
    const sharer = await start(broker, 'a', 'share');
    await expect(sharer.connection?.transaction(() => Promise.resolve())).rejects.toThrow('single statements only');
    const neighbour = await start(broker, 'a', 'share');
    await sharer.end();
    await expect(sharer.connection?.query(sql`SELECT 1`)).rejects.toThrow('given back');
    await neighbour.end();
  });

  test('closing a tenant waits for all of them', async () => {
    const broker = await aWarmBroker();
    const sharers = [await start(broker, 'a', 'share'), await start(broker, 'a', 'share')];
    let closed = false;
    const closing = broker.closeTenant('a').then(() => (closed = true));
    await sharers[0]?.end();
    expect(closed).toBe(false);
    await sharers[1]?.end();
    await closing;
    expect(server.open).toHaveLength(0);
  });
});

describe('a cap that changes', () => {
  test('closes idle connections at once, those unused longest first, and keeps to the new cap', async () => {
    const broker = aBroker({ maxConnections: 4 });
    for (const key of ['a', 'b', 'c', 'd']) await (await start(broker, key)).end();
    expect(server.open.map(({ target: { key } }) => key)).toEqual(['a', 'b', 'c', 'd']);
    broker.setCap('cl_1', 2);
    await settle();
    expect(server.open.map(({ target: { key } }) => key)).toEqual(['c', 'd']);
    expect(broker.openByCluster()).toEqual({ cl_1: 2 });
    await (await start(broker, 'e')).end();
    expect(server.open).toHaveLength(2);
  });

  test('does not cut work in flight: what is too much is closed as it is given back', async () => {
    const broker = aBroker({ maxConnections: 3 });
    const works = [await start(broker, 'a'), await start(broker, 'b'), await start(broker, 'c')];
    broker.setCap('cl_1', 1);
    await settle();
    expect(server.open).toHaveLength(3);
    for (const [index, work] of works.entries()) {
      expect(await work.end()).toBe('done');
      expect(server.open).toHaveLength(Math.max(1, 2 - index));
    }
    expect(broker.stats()).toMatchObject({ open: 1, idle: 1 });
  });

  test('serves those who wait as soon as it rises', async () => {
    const broker = aBroker({ maxConnections: 1 });
    await start(broker, 'a');
    const waiting = await start(broker, 'b');
    expect(waiting.started).toBe(false);
    broker.setCap('cl_1', 2);
    await settle();
    expect(waiting.started).toBe(true);
  });

  test('is of one cluster, known before or not', async () => {
    const broker = aBroker({ maxConnections: 1 });
    broker.setCap('cl_1', 2);
    await start(broker, 'a');
    expect((await start(broker, 'b')).started).toBe(true);
    void broker.use(target('x', 'cl_2'), () => new Promise(() => undefined)).catch(() => undefined);
    const other = new Work(broker, target('y', 'cl_2'));
    await settle();
    expect(other.started).toBe(false);
  });
});
