import { systemPolicy } from '#access-policy';
import { type JsonObject, readResource } from '#fhir';
import { ResourceRepository } from '#fhir-store';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';

/** Marks the address of a person (`User/<id>`) as confirmed. */
export async function confirmEmail(runtime: TenantRuntime, user: string, requestId: string): Promise<void> {
  const id = user.slice('User/'.length);
  const repository = new ResourceRepository(runtime.database, {
    policy: systemPolicy('an address was confirmed'),
    agent: user,
    requestId,
  });
  const stored = JSON.parse((await repository.read('User', id)).body) as JsonObject;
  await repository.update('User', id, readResource(JSON.stringify({ ...stored, emailVerified: true })));
}
