import { expect, test } from '@jest/globals';
import { historyPage } from './history-page.js';

test.each([
  ['', { count: 20, offset: 0 }],
  ['_count=5&_offset=10', { count: 5, offset: 10 }],
  ['_count=99999', { count: 1000, offset: 0 }],
  ['_count=&_offset=', { count: 20, offset: 0 }],
  ['_count=0', { count: 0, offset: 0 }],
])('the query "%s" asks for %j', (query, page) => {
  expect(historyPage(query)).toEqual(page);
});

test.each(['_count=-1', '_count=x', '_count=1.5', '_offset=10001', '_offset=1e3'])('%s is refused', (query) => {
  expect(() => historyPage(query)).toThrow(expect.objectContaining({ category: 'invalid' }));
});
