/** Conditional deletes of several types at once: what each of them needs, and that they are one deed. */
import { aTenant, policyOf, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
beforeAll(async () => {
  t = await aTenant('R5');
});
afterAll(() => t.close());

const identifier = (value: string) => [{ system: 'urn:several', value }];
async function aPair(value: string): Promise<{ patient: string; group: string }> {
  const repository = await t.repository();
  const patient = await repository.create(text({ resourceType: 'Patient', identifier: identifier(value) }));
  const group = await repository.create(
    text({ resourceType: 'Group', identifier: identifier(value), type: 'person', membership: 'enumerated' }),
  );
  return { patient: patient.version.id, group: group.version.id };
}
const query = (value: string) => `_type=Patient,Group&identifier=urn:several|${value}`;

test('take all types that are named, and record each resource', async () => {
  const { patient, group } = await aPair('all');
  const repository = await t.repository({ agent: 'ClientApplication/sweeper' });
  const deleted = await repository.conditionalDeleteAcrossTypes(query('all'));
  expect(deleted.map(({ type, id }) => `${type}/${id}`).sort()).toEqual([`Group/${group}`, `Patient/${patient}`]);
  expect(await t.rows(`SELECT action FROM audit_event WHERE agent = 'ClientApplication/sweeper'`)).toEqual([
    { action: 'D' },
    { action: 'D' },
  ]);
  expect(await repository.conditionalDeleteAcrossTypes(query('all'))).toEqual([]);
});

test.each([
  ['to delete each type', policyOf('search *', 'delete Patient', 'read *')],
  ['to search each type', policyOf('search Patient', 'delete *', 'read *')],
])('need the right %s', async (_, policy) => {
  const { patient, group } = await aPair('rights');
  const caller = await t.repository({ policy });
  await expect(caller.conditionalDeleteAcrossTypes(query('rights'))).rejects.toMatchObject({ category: 'forbidden' });
  const repository = await t.repository();
  expect((await repository.read('Patient', patient)).deleted).toBe(false);
  expect((await repository.read('Group', group)).deleted).toBe(false);
});

test('take all that match or nothing', async () => {
  const { patient, group } = await aPair('condition');
  const repository = await t.repository();
  const { versionId } = await repository.read('Patient', patient);
  const one = repository.conditionalDeleteAcrossTypes(query('condition'), { ifMatch: `W/"${versionId}"` });
  await expect(one).rejects.toMatchObject({ category: 'precondition-failed' });
  expect((await repository.read('Patient', patient)).deleted).toBe(false);
  expect((await repository.read('Group', group)).deleted).toBe(false);
});

test.each(['_id=x', '_type=Patient,Group', '_type=Patient,Group&identifier='])(
  'are refused without types and criteria: %s',
  async (without) => {
    const repository = await t.repository();
    await expect(repository.conditionalDeleteAcrossTypes(without)).rejects.toMatchObject({
      category: 'precondition-failed',
    });
  },
);
