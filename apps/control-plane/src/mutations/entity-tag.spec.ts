import { assertRevisionMatches } from './entity-tag.js';

test.each([undefined, '*', 'W/"9"', '"9"', '"8", W/"9"', ' W/"9" '])('If-Match %j lets revision 9 pass', (ifMatch) => {
  expect(() => assertRevisionMatches(ifMatch, 9)).not.toThrow();
});

test.each(['W/"8"', '9', '', 'W/"99"', '"*"'])(
  'If-Match %j does not, and the refusal names the revision',
  (ifMatch) => {
    expect(() => assertRevisionMatches(ifMatch, 9)).toThrow(
      expect.objectContaining({ code: 'revision-mismatch', details: { revision: 9 } }),
    );
  },
);
