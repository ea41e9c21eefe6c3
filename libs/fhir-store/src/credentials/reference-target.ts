import { parseSearch, planSearch, unrestricted } from '#fhir-search';
import type { TenantDatabase } from '../tenant-database.js';

/**
 * How the index holds that the reference parameter `code` of `type` points to `target`. It is asked of the search's own
 * planner, so that there is one place only that knows.
 */
export function referenceTarget(
  tenant: TenantDatabase,
  type: string,
  code: string,
  target: string,
): { parameter: number; hash: string } {
  const request = parseSearch(tenant.version, type, [[code, target]], { handling: 'strict' });
  const [condition] = planSearch(tenant.version, request, tenant.hasher, unrestricted).where;
  const [parameter] = condition?.kind === 'reference' ? condition.parameters : [];
  const [hash] = condition?.kind === 'reference' ? condition.targets : [];
  if (parameter === undefined || hash === undefined) {
    throw new Error(`${type} has no reference parameter '${code}' that can point to ${target}.`);
  }
  return { parameter, hash };
}
