import { historyRequest } from './history-request.js';

const read = (query: string) => historyRequest({ type: 'Patient' }, query);

describe('the parameters of a history', () => {
  test('have defaults', () => {
    expect(read('')).toEqual({ type: 'Patient', count: 20, offset: 0, ascending: false, applied: [] });
  });

  test.each([
    ['_count=5', { count: 5 }],
    ['_count=0', { count: 0 }],
    ['_count=5000', { count: 1000 }],
    ['_offset=10000', { offset: 10_000 }],
    ['_cursor=x', { cursor: 'x' }],
    ['_since=2026-11-21T04:10:12.345Z', { since: '2026-11-21T04:10:12.345Z' }],
    ['_since=2026-11-21T06:10:12%2B02:00', { since: '2026-11-21T04:10:12.000Z' }],
    ['_since=2026-11-21T06:10:12+02:00', { since: '2026-11-21T04:10:12.000Z' }],
    ['_since=2026', { since: '2026-01-01T00:00:00.000Z' }],
    ['_at=2026-11-21', { at: { start: '2026-11-21T00:00:00.000Z', end: '2026-11-21T23:59:59.999Z' } }],
    ['_at=2026-11-21T04:10:12.345Z', { at: { start: '2026-11-21T04:10:12.345Z', end: '2026-11-21T04:10:12.345Z' } }],
    ['_sort=_lastUpdated', { ascending: true }],
    ['_sort=-_lastUpdated', { ascending: false }],
    ['_since=&_count=', { count: 20 }],
    ['_format=json&_pretty=true', { count: 20 }],
  ])('%s is understood', (query, expected) => {
    expect(read(query)).toMatchObject(expected);
  });

  test.each([
    '_count=-1',
    '_count=x',
    '_offset=10001',
    '_since=yesterday',
    '_since=2026-13-01',
    '_since=0000-01-01',
    '_at=2026-02-30',
    '_sort=birthdate',
    '_count=1&_count=2',
    '_offset=1&_cursor=x',
    'name=x',
    '__proto__=x',
  ])('%s is refused', (query) => {
    expect(() => read(query)).toThrow(expect.objectContaining({ category: 'invalid' }));
  });

  test('that are unknown are left out under lenient handling', () => {
    const request = historyRequest({}, 'name=x&_count=2', { handling: 'lenient' });
    expect(request).toMatchObject({ count: 2, applied: [['_count', '2']] });
  });

  test('have the limits that those of a search have', () => {
    const lenient = (query: string) => () => historyRequest({}, query, { handling: 'lenient' });
    expect(lenient('x=1&'.repeat(1001))).toThrow(expect.objectContaining({ category: 'too-costly' }));
    expect(lenient(`x=${'1'.repeat(65_536)}`)).toThrow(expect.objectContaining({ category: 'too-costly' }));
    expect(lenient('_cursor=%00')).toThrow(expect.objectContaining({ category: 'invalid' }));
  });
});
