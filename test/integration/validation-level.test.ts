import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemPolicy } from '#access-policy';
import { ResourceRepository, tenantDatabase, type TenantDatabase } from '#fhir-store';
import { aTenant, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
beforeAll(async () => {
  t = await aTenant();
});
afterAll(() => t.close());

const contactWithoutDetails = text('{"resourceType":"Patient","contact":[{"gender":"male"}]}');
const unknownElement = text('{"resourceType":"Patient","nmae":"x"}');

async function create(tenant: TenantDatabase, resource: ReturnType<typeof text>) {
  const caller = {
    policy: systemPolicy('test'),
    epoch: await t.epoch(),
    agent: 'ClientApplication/test',
    requestId: 'r',
  };
  return new ResourceRepository(tenant, caller).create(resource);
}

test('a project checks invariants unless its configuration says otherwise', async () => {
  await expect(create(t.tenant, contactWithoutDetails)).rejects.toMatchObject({
    issues: [{ code: 'invariant', expression: ['Patient.contact[0]'], text: expect.stringContaining('pat-1') }],
  });
});

test('a project at level structure takes what breaks an invariant, but not what has a wrong form', async () => {
  const tenant = tenantDatabase({ ...t.tenant, validation: 'structure' });
  expect((await create(tenant, contactWithoutDetails)).created).toBe(true);
  await expect(create(tenant, unknownElement)).rejects.toMatchObject({
    issues: [{ code: 'structure', expression: ['Patient.nmae'] }],
  });
});
