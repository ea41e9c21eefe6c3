import { createLogger } from '#platform';
import type { SchemaFailure } from '#tenant-schema';
import { Obstacles } from './obstacles.js';

const failure = (code: string): SchemaFailure => ({ code, message: 'no', isTransient: true });
const busy = failure('busy');
const refused = failure('connection');
const one = { projectId: 'a', clusterId: 'north' };
const other = { projectId: 'b', clusterId: 'north' };
const far = { projectId: 'c', clusterId: 'south' };

const obstacles = (): Obstacles => new Obstacles(createLogger({ logLevel: 'silent', logFormat: 'json' }, 'worker'));

describe('what stands in the way', () => {
  test('in a database is counted by project, in a row', () => {
    const met = obstacles();
    expect(met.meet(busy, true, one, 60_000)).toMatchObject({ kind: 'others', times: 1, patienceMs: 60_000 });
    const again = met.meet(busy, true, one, 60_000)!;
    expect(again.times).toBe(2);
    expect(again.forMs).toBeGreaterThan(0);
    expect(met.meet(busy, true, other, 60_000)?.times).toBe(1);
    met.pass(one);
    expect(met.meet(busy, true, one, 60_000)?.times).toBe(1);
  });

  test('to a server is counted for all its databases together, and the server is left alone for a moment', () => {
    const met = obstacles();
    expect(met.away()).toEqual([]);
    expect(met.meet(refused, false, one, 0)).toMatchObject({ kind: 'server', times: 1, patienceMs: 300_000 });
    expect(met.meet(refused, false, other, 0)).toMatchObject({ kind: 'server', times: 2 });
    expect(met.meet(refused, false, far, 0)).toMatchObject({ kind: 'server', times: 1 });
    expect(met.away()).toEqual(['north', 'south']);
    met.pass(other);
    expect(met.away()).toEqual(['south']);
    expect(met.meet(refused, false, one, 0)?.times).toBe(1);
  });

  test('to a server is looked at by one at a time, when it was left alone for long enough', () => {
    const met = obstacles();
    expect([met.mayTry('north'), met.mayTry('north')]).toEqual([true, true]);
    met.meet(refused, false, one, 0);
    expect(met.mayTry('north')).toBe(false);
    jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 4_000);
    expect([met.mayTry('north'), met.mayTry('north')]).toEqual([true, false]);
    jest.restoreAllMocks();
    met.pass(one);
    expect([met.mayTry('north'), met.mayTry('north')]).toEqual([true, true]);
  });

  test('in a database may be there for as long again when the project has failed and is tried again', () => {
    const met = obstacles();
    met.meet(busy, true, one, 60_000);
    met.giveUp(one);
    expect(met.meet(busy, true, one, 60_000)?.times).toBe(1);
  });

  test('to a server is over when the server says that it has no such database', () => {
    const met = obstacles();
    met.meet(refused, false, one, 0);
    expect(met.meet(failure('3D000'), false, other, 60_000)).toMatchObject({ kind: 'others', times: 1 });
    expect(met.away()).toEqual([]);
    expect(met.meet(refused, false, one, 0)?.times).toBe(1);
  });

  test('is over when a try has come as far as into the database', () => {
    const met = obstacles();
    met.meet(refused, false, one, 0);
    expect(met.meet(failure('40P01'), true, one, 0)).toBeUndefined();
    expect(met.meet(refused, false, one, 0)?.times).toBe(1);
  });
});
