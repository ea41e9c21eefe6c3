import { firstOf, namesOf } from './project-names.js';

test('projects are called in an answer as they were called in the request', () => {
  const named = new Map([
    ['quay-clinic', 'id-1'],
    ['id-2', 'id-2'],
    ['pier', 'id-3'],
  ]);
  expect(namesOf(['id-3', 'id-1'], named)).toEqual(['quay-clinic', 'pier']);
  expect(namesOf(['id-2', 'id-4'], named)).toEqual(['id-2']);
});

test('of a long list of names the first few are told', () => {
  expect(firstOf(['a', 'b'])).toBe('a, b');
  expect(firstOf(['a', 'b', 'c', 'd', 'e', 'f', 'g'])).toBe('a, b, c, d, e and 2 more');
});
