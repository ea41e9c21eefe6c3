import { systemPolicy } from '#access-policy';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';
import { type Principal, Session } from './session.js';

const principal = (epoch: string): Principal => ({
  epoch,
  membershipId: 'm',
  user: 'ClientApplication/c',
  clientId: 'c',
  profile: { reference: 'ClientApplication/c' },
  policy: {
    ...systemPolicy('test'),
    basedOn: [],
    dropped: [],
    ipAccessRules: [],
    isScoped: false,
    describe: () => ({}),
  },
});
// A session only carries its runtime for others.
const runtime = {} as TenantRuntime;

test('callers that find out at the same time share one look at the rights', async () => {
  let reads = 0;
  const session = new Session(runtime, 'l', Infinity, principal('1'), async () => principal(String(++reads + 1)));
  expect(session.caller('r').epoch).toBe('1');
  await Promise.all([session.renew(), session.renew(), session.renew()]);
  expect([reads, session.caller('r').epoch]).toEqual([1, '2']);
  await session.renew();
  expect(session.caller('r').epoch).toBe('3');
});

test('a caller can be renewed in the middle of a batch', async () => {
  const session = new Session(runtime, 'l', Infinity, principal('1'), async () => principal('2'));
  const renewed = await session.caller('r').renew?.();
  expect([renewed?.epoch, renewed?.requestId, renewed?.agent]).toEqual(['2', 'r', 'ClientApplication/c']);
});

test('a session whose rights are gone is over', async () => {
  const session = new Session(runtime, 'l', 1_000, principal('1'), async () => undefined);
  expect([session.isGoodAt(999), session.isGoodAt(1_000)]).toEqual([true, false]);
  await expect(session.renew()).rejects.toMatchObject({ category: 'unauthorized' });
  expect(session.isGoodAt(999)).toBe(false);
});
