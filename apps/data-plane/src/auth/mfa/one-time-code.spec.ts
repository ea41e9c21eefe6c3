import { enrolmentUri, stepOfCode, typedSecret } from './one-time-code.js';

/** The secret of RFC 6238 Appendix B for SHA-1. */
const secret = Buffer.from('12345678901234567890');
const at = (seconds: number): Date => new Date(seconds * 1000);

describe('a one-time code', () => {
  // The last six of the eight digits in RFC 6238 Appendix B.
  test.each([
    [59, '287082', 1],
    [1111111109, '081804', 37037036],
    [1111111111, '050471', 37037037],
    [1234567890, '005924', 41152263],
    [2000000000, '279037', 66666666],
    [20000000000, '353130', 666666666],
  ])('at second %i is %s of step %i', (second, code, step) => {
    expect(stepOfCode(secret, code, at(second))).toBe(step);
  });

  test('is good one step before and after its own, and no further', () => {
    const steps = [-61, -31, -30, 0, 29, 30, 59, 60].map((away) => stepOfCode(secret, '050471', at(1111111110 + away)));
    expect(steps).toEqual([undefined, undefined, 37037037, 37037037, 37037037, 37037037, 37037037, undefined]);
  });

  test('may be written in groups, and must be six digits', () => {
    expect(stepOfCode(secret, ' 050 471 ', at(1111111111))).toBe(37037037);
    for (const code of ['', '50471', '0050471', '050471a', '٠٥٠٤٧١', '-50471', '14050471']) {
      expect(stepOfCode(secret, code, at(1111111111))).toBeUndefined();
    }
  });
});

test('an authenticator app is told the secret, the form of the codes and whose they are', () => {
  const uri = new URL(enrolmentUri(secret, { issuer: 'Quay: a clinic', account: 'ana@quay.example' }));
  expect([uri.protocol, uri.host, decodeURIComponent(uri.pathname)]).toEqual([
    'otpauth:',
    'totp',
    '/Quay a clinic:ana@quay.example',
  ]);
  expect(Object.fromEntries(uri.searchParams)).toEqual({
    issuer: 'Quay a clinic',
    secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
    algorithm: 'SHA1',
    digits: '6',
    period: '30',
  });
  expect(typedSecret(secret)).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
});
