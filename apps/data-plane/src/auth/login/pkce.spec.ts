import { answersChallenge, readChallenge } from './pkce.js';

/** The example of RFC 7636, appendix B. */
const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const codeChallenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

describe('a verifier', () => {
  test('answers the S256 challenge that was made of it, and no other does', () => {
    const challenge = { codeChallenge, codeChallengeMethod: 'S256' } as const;
    expect(answersChallenge(challenge, verifier)).toBe(true);
    expect(answersChallenge(challenge, `${verifier}x`)).toBe(false);
    expect(answersChallenge(challenge, codeChallenge)).toBe(false);
    expect(answersChallenge(challenge, '')).toBe(false);
  });

  test('answers a plain challenge that is equal to it', () => {
    const challenge = { codeChallenge: verifier, codeChallengeMethod: 'plain' } as const;
    expect(answersChallenge(challenge, verifier)).toBe(true);
    expect(answersChallenge(challenge, codeChallenge)).toBe(false);
  });
});

test.each([
  [undefined, undefined, 'none'],
  [undefined, 'S256', 'malformed'],
  [codeChallenge, 'S512', 'malformed'],
  ['short', 'S256', 'malformed'],
  [`${codeChallenge} `, 'S256', 'malformed'],
  [codeChallenge, undefined, { codeChallenge, codeChallengeMethod: 'plain' }],
  [codeChallenge, 'S256', { codeChallenge, codeChallengeMethod: 'S256' }],
])('a challenge %j with the method %j is read as %j', (challenge, method, expected) => {
  expect(readChallenge(challenge, method)).toEqual(expected);
});
