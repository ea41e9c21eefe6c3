import { createLogger } from '#platform';
import { type DirectoryPage, TenantDirectory } from './tenant-directory.js';
import type { ProjectState, TenantEntry } from './tenant-entry.js';

const logger = createLogger({ logLevel: 'silent', logFormat: 'json' }, 'test');

function entry(id: string, slug: string, state: ProjectState = 'active'): TenantEntry {
  const baseUrls = state === 'deleted' ? [] : [{ kind: 'slug' as const, name: slug, canonical: true }];
  return { projectId: id, slug, name: slug, state, fhirVersion: '4.0.1', baseUrls, signingKeys: [] };
}

/** A control database whose answers the test gives, and that counts the questions. */
class Source {
  all: TenantEntry[] = [];
  changes: TenantEntry[] = [];
  reads: string[] = [];
  failing = false;
  /** Set: answers wait until the test lets them go. */
  gate: Promise<void> | undefined;

  readonly readAll = () => this.answer('all', () => this.all);
  readonly readChangedSince = (mark: string) => this.answer(`since ${mark}`, () => this.changes.splice(0));

  private async answer(question: string, entries: () => TenantEntry[]): Promise<DirectoryPage> {
    this.reads.push(question);
    const mark = String(this.reads.length);
    await this.gate;
    if (this.failing) throw new Error('no connection');
    return { entries: entries(), mark };
  }
}

let source: Source;
let directory: TenantDirectory;

beforeEach(async () => {
  jest.useFakeTimers({ now: 1_000_000 });
  source = new Source();
  source.all = [entry('1', 'one'), entry('2', 'two', 'suspended')];
  directory = await TenantDirectory.open({ source, clock: { now: () => new Date() }, logger });
});

afterEach(async () => {
  await directory.close();
  jest.useRealTimers();
});

describe('what it knows', () => {
  test('is everything from the start, by slug and by id', () => {
    expect(directory.findBySlug('one')?.projectId).toBe('1');
    expect(directory.findById('2')?.state).toBe('suspended');
    expect([directory.findBySlug('three'), directory.findBySlug('__proto__'), directory.size]).toEqual([
      undefined,
      undefined,
      2,
    ]);
  });

  test('is brought up to date every second, from the mark of the last question', async () => {
    source.changes = [entry('3', 'three')];
    await jest.advanceTimersByTimeAsync(1_000);
    expect(directory.findBySlug('three')?.projectId).toBe('3');
    await jest.advanceTimersByTimeAsync(2_000);
    expect(source.reads).toEqual(['all', 'since 1', 'since 2', 'since 3']);
  });

  test('follows an announcement at once', async () => {
    source.changes = [entry('1', 'one', 'stopped')];
    directory.announced();
    await jest.advanceTimersByTimeAsync(0);
    expect(directory.findBySlug('one')?.state).toBe('stopped');
  });

  test('loses deleted projects and names that were given up', async () => {
    source.changes = [entry('1', 'renamed'), entry('2', 'two', 'deleted')];
    directory.announced();
    await jest.advanceTimersByTimeAsync(0);
    expect([directory.findBySlug('one'), directory.findBySlug('two'), directory.size]).toEqual([
      undefined,
      undefined,
      1,
    ]);
    expect(directory.findBySlug('renamed')?.projectId).toBe('1');
  });

  test('is right when one project takes the name that another gave up, in whichever order they come', async () => {
    source.changes = [entry('3', 'one'), entry('1', 'uno')];
    directory.announced();
    await jest.advanceTimersByTimeAsync(0);
    expect([directory.findBySlug('one')?.projectId, directory.findBySlug('uno')?.projectId]).toEqual(['3', '1']);
  });

  test('is the same object as long as nothing changes', async () => {
    const before = directory.findBySlug('one');
    const told: unknown[] = [];
    directory.onChange((...change) => told.push(change));
    source.changes = [entry('1', 'one')];
    directory.announced();
    await jest.advanceTimersByTimeAsync(0);
    expect(directory.findBySlug('one')).toBe(before);
    expect(told).toEqual([]);
  });

  test('is told to listeners with what was before', async () => {
    const told: (string | undefined)[][] = [];
    directory.onChange((before, after) => told.push([before?.state, after?.state]));
    source.changes = [entry('1', 'one', 'maintenance'), entry('2', 'two', 'deleted'), entry('3', 'three')];
    directory.announced();
    await jest.advanceTimersByTimeAsync(0);
    expect(told).toEqual([
      ['active', 'maintenance'],
      ['suspended', undefined],
      [undefined, 'active'],
    ]);
  });

  test('is read again as a whole when announcements may be lost', async () => {
    source.all = [entry('2', 'two')];
    directory.resync();
    await jest.advanceTimersByTimeAsync(0);
    expect([directory.findBySlug('one'), directory.findBySlug('two')?.state]).toEqual([undefined, 'active']);
  });
});

describe('what it costs', () => {
  test('any number of unknown names makes one question a second, and none keeps anything', async () => {
    const before = source.reads.length;
    for (let round = 0; round < 40; round++) {
      for (let index = 0; index < 1_000; index++) void directory.catchUp();
      await jest.advanceTimersByTimeAsync(100);
    }
    expect(source.reads.length - before).toBeLessThanOrEqual(4);
    expect(directory.size).toBe(2);
  });

  test('an unknown name waits for a question that is under way, and for what was announced during it', async () => {
    let open = (): void => undefined;
    source.gate = new Promise((resolve) => (open = resolve));
    directory.announced();
    directory.announced();
    let settled = false;
    const waiting = directory.catchUp().then(() => (settled = true));
    await jest.advanceTimersByTimeAsync(0);
    expect(settled).toBe(false);
    source.changes = [entry('3', 'three')];
    open();
    await jest.advanceTimersByTimeAsync(0);
    await waiting;
    expect([directory.findBySlug('three')?.projectId, source.reads.length]).toEqual(['3', 3]);
  });

  test('a refresh asks after it was called, and many share one question in 25 ms', async () => {
    const before = source.reads.length;
    await jest.advanceTimersByTimeAsync(500);
    for (let round = 0; round < 20; round++) {
      for (let index = 0; index < 100; index++) void directory.refresh();
      await jest.advanceTimersByTimeAsync(5);
    }
    expect(source.reads.length - before).toBeLessThanOrEqual(5);
    source.changes = [entry('3', 'three')];
    const refreshed = directory.refresh();
    await jest.advanceTimersByTimeAsync(25);
    await refreshed;
    expect(directory.findBySlug('three')).toBeDefined();
  });

  test('announcements in a burst are read together', async () => {
    for (let index = 0; index < 1_000; index++) directory.announced();
    await jest.advanceTimersByTimeAsync(0);
    expect(source.reads.length).toBeLessThanOrEqual(3);
  });

  test('it goes on asking when somebody sets back the clock', async () => {
    let answer = (): void => undefined;
    source.gate = new Promise((resolve) => (answer = resolve));
    directory.announced();
    jest.setSystemTime(400_000);
    answer();
    const before = source.reads.length;
    await jest.advanceTimersByTimeAsync(3_000);
    expect(source.reads.length - before).toBe(3);
    expect(directory.staleForMs).toBe(0);
    jest.setSystemTime(200_000);
    source.changes = [entry('3', 'three')];
    await directory.refresh();
    expect(directory.findBySlug('three')).toBeDefined();
  });

  test('doubts about a placement make one reload in two seconds', async () => {
    await jest.advanceTimersByTimeAsync(2_000);
    for (let index = 0; index < 100; index++) directory.doubted();
    await jest.advanceTimersByTimeAsync(0);
    expect(source.reads.filter((question) => question === 'all')).toHaveLength(2);
  });
});

describe('when the control database does not answer', () => {
  test('it keeps what it knows, says for how long, and goes on asking', async () => {
    source.failing = true;
    await jest.advanceTimersByTimeAsync(5_000);
    expect(directory.findBySlug('one')?.projectId).toBe('1');
    expect(directory.staleForMs).toBe(5_000);
    source.failing = false;
    source.changes = [entry('3', 'three')];
    await jest.advanceTimersByTimeAsync(1_000);
    expect([directory.findBySlug('three')?.projectId, directory.staleForMs]).toEqual(['3', 0]);
  });

  test('a reload that failed is made up for', async () => {
    source.failing = true;
    directory.resync();
    await jest.advanceTimersByTimeAsync(0);
    source.failing = false;
    source.all = [entry('4', 'four')];
    await jest.advanceTimersByTimeAsync(1_000);
    expect([directory.findBySlug('four')?.projectId, directory.size]).toEqual(['4', 1]);
  });

  test('it does not start without having been read', async () => {
    source.failing = true;
    const opening = TenantDirectory.open({ source, clock: { now: () => new Date() }, logger });
    await expect(opening).rejects.toThrow('no connection');
  });
});

test('an entry is small', () => {
  const full = {
    ...entry('0196f0d6-0000-7000-8000-000000000001', 'quay-clinic-of-the-north'),
    wrappedProjectKey: 'x'.repeat(84),
    signingKeys: [
      { kid: 'k'.repeat(36), state: 'signing', publicJwk: 'x'.repeat(200), sealedPrivateKey: 'x'.repeat(224) },
    ],
    placement: {
      sealedPassword: 'x'.repeat(96),
      wrappedKey: 'x'.repeat(84),
      database: 'x'.repeat(29),
      role: 'x'.repeat(29),
    },
  };
  expect(JSON.stringify(full).length).toBeLessThan(2_048);
});

describe('parts that end at a known time', () => {
  const endsAt = 1_000_000 + 3_500;
  const renamed = (): TenantEntry => ({
    ...entry('1', 'new'),
    baseUrls: [
      { kind: 'slug', name: 'new', canonical: true },
      { kind: 'slug', name: 'one', canonical: false, former: { since: 0, endsAt } },
    ],
    signingKeys: [
      { kid: 'b', state: 'signing', publicJwk: '{}', sealedPrivateKey: '' },
      { kid: 'a', state: 'verifying', endsAt: endsAt + 2_000, publicJwk: '{}', sealedPrivateKey: '' },
    ],
  });
  const kids = () => directory.findById('1')?.signingKeys.map(({ kid }) => kid);

  test('end at their time, each at its own, and listeners hear of it', async () => {
    source.changes = [renamed()];
    await jest.advanceTimersByTimeAsync(1_000);
    const before = directory.findById('1');
    const heard: unknown[] = [];
    directory.onChange((was, is) => heard.push(was === before && is !== before));
    await jest.advanceTimersByTimeAsync(2_000);
    expect([directory.findBySlug('one'), heard.length]).toEqual([before, 0]);

    await jest.advanceTimersByTimeAsync(1_000);
    expect([directory.findBySlug('one'), directory.findBySlug('new')?.projectId]).toEqual([undefined, '1']);
    expect([heard, kids()]).toEqual([[true], ['b', 'a']]);

    await jest.advanceTimersByTimeAsync(2_000);
    expect(kids()).toEqual(['b']);
  });

  test('end also while the control database is away, or is silent', async () => {
    source.changes = [renamed()];
    await jest.advanceTimersByTimeAsync(1_000);
    let answer = (): void => undefined;
    source.gate = new Promise((resolve) => (answer = resolve));
    await jest.advanceTimersByTimeAsync(3_000);
    expect(directory.findBySlug('one')).toBeUndefined();
    source.failing = true;
    answer();
    await jest.advanceTimersByTimeAsync(2_000);
    expect(kids()).toEqual(['b']);
  });

  test('do not come back by a page that still has them', async () => {
    source.changes = [renamed()];
    await jest.advanceTimersByTimeAsync(6_000);
    source.changes = [renamed()];
    await jest.advanceTimersByTimeAsync(1_000);
    expect([directory.findBySlug('one'), kids()]).toEqual([undefined, ['b']]);
  });
});
