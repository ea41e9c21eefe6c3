import { compiledSql } from '#postgres';
import { aPatient, aTenant, type TestTenant } from './store.fixture.js';

let t: TestTenant;
let other: TestTenant;
beforeAll(async () => {
  [t, other] = await Promise.all([aTenant(), aTenant()]);
});
afterAll(() => Promise.all([t.close(), other.close()]));

const patientsOf = async (tenant: TestTenant, count: number) => {
  const repository = await tenant.repository();
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push((await repository.create(aPatient())).version.id);
  return ids;
};

test('reads that arrive together give each asker what it asked for: there, deleted, unknown, twice', async () => {
  const repository = await t.repository();
  const ids = await patientsOf(t, 40);
  await repository.delete('Patient', ids[7] as string);
  const asked = [...ids, 'nobody', ids[3] as string];
  const outcomes = await Promise.allSettled(asked.map((id) => repository.read('Patient', id)));
  expect(
    outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value.id : (outcome.reason as { category: string }).category,
    ),
  ).toEqual(asked.map((id, place) => (place === 7 ? 'gone' : id === 'nobody' ? 'not-found' : id)));
});

test('a change of rights stops those alone who came with the old ones', async () => {
  const [id = ''] = await patientsOf(t, 1);
  const before = await t.repository();
  await t.owner.query(compiledSql({ text: 'UPDATE security_epoch SET epoch = epoch + 1', values: [] }));
  const after = await t.repository();
  const [stale, current] = await Promise.allSettled([before.read('Patient', id), after.read('Patient', id)]);
  expect(stale).toMatchObject({ status: 'rejected', reason: { name: 'StaleRights' } });
  expect(current).toMatchObject({ status: 'fulfilled', value: { id } });
});

test('tenants never share a statement', async () => {
  const [mine = ''] = await patientsOf(t, 1);
  const [theirs = ''] = await patientsOf(other, 1);
  const [own, foreign] = await Promise.all([t.repository(), other.repository()]);
  const outcomes = await Promise.allSettled([
    own.read('Patient', mine),
    foreign.read('Patient', mine),
    own.read('Patient', theirs),
    foreign.read('Patient', theirs),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
});

test('a statement that fails is told to all who waited for it, and the next ones are served', async () => {
  const ids = await patientsOf(t, 3);
  const repository = await t.repository();
  await t.owner.query(compiledSql({ text: 'ALTER TABLE resource RENAME TO away', values: [] }));
  try {
    const outcomes = await Promise.allSettled(ids.map((id) => repository.read('Patient', id)));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  } finally {
    await t.owner.query(compiledSql({ text: 'ALTER TABLE away RENAME TO resource', values: [] }));
  }
  expect(await Promise.all(ids.map((id) => repository.read('Patient', id)))).toHaveLength(3);
});
