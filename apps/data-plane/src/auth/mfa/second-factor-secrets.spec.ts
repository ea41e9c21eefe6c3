import { randomBytes } from 'node:crypto';
import { SecondFactorSecrets } from './second-factor-secrets.js';

const key = randomBytes(32);
const secrets = new SecondFactorSecrets(key);
const offer = { userId: 'u1', loginId: 'l1', changes: 0 };

test('what is offered is the same each time, and another secret for everybody and everything else', () => {
  expect(secrets.offered(offer)).toEqual(new SecondFactorSecrets(key).offered(offer));
  const all = [
    secrets.offered(offer),
    secrets.offered({ ...offer, userId: 'u2' }),
    secrets.offered({ ...offer, loginId: 'l2' }),
    secrets.offered({ ...offer, changes: 1 }),
    new SecondFactorSecrets(randomBytes(32)).offered(offer),
  ];
  expect(new Set(all.map((secret) => secret.toString('hex'))).size).toBe(5);
  expect(all.every(({ length }) => length === 20)).toBe(true);
});

test('a sealed secret opens for the same person of the same project only', () => {
  const sealed = secrets.seal('u1', secrets.offered(offer));
  expect(secrets.open('u1', sealed)).toEqual(secrets.offered(offer));
  expect(sealed.includes(secrets.offered(offer))).toBe(false);
  expect(() => secrets.open('u2', sealed)).toThrow(/cannot be opened/);
  expect(() => new SecondFactorSecrets(randomBytes(32)).open('u1', sealed)).toThrow(/cannot be opened/);
});
