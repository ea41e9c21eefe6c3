import { systemPolicy } from '#access-policy';
import type { JsonObject } from '#fhir';
import { ResourceRepository } from '#fhir-store';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';

/** Marks the address of a person (`User/<id>`) as confirmed: they have shown that they read its mail. */
export async function confirmEmail(runtime: TenantRuntime, user: string, requestId: string): Promise<void> {
  const id = user.slice('User/'.length);
  const repository = new ResourceRepository(runtime.database, {
    policy: systemPolicy('an address was confirmed'),
    agent: user,
    requestId,
  });
  await repository.patch('User', id, (body) =>
    JSON.stringify({ ...(JSON.parse(body) as JsonObject), emailVerified: true }),
  );
}
