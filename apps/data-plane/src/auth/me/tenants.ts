/**
 * Organization tenants: the organizations by which a membership's parameters limit what its member sees. A client's choice
 * of one of them is a wish that its policy decides over, never a right.
 */
import { isJsonObject, type JsonObject } from '#fhir';
import type { NamedReference } from '../principal.js';
import type { Session } from '../session.js';
import type { MemberReader } from './member-reader.js';

/** The name of the option by which a selector remembers the tenant that is shown. */
const ACTIVE_TENANT = 'activeTenant';

/** The references to organizations among the parameters of a membership (`access[].parameter[]`), each once. */
export function tenantsOf(membership: JsonObject): NamedReference[] {
  const tenants = new Map<string, NamedReference>();
  for (const entry of objectsOf(membership.access)) {
    for (const { valueReference } of objectsOf(entry.parameter)) {
      if (!isJsonObject(valueReference)) continue;
      const { reference, display } = valueReference;
      if (typeof reference !== 'string' || !/^Organization\/[A-Za-z0-9\-.]{1,64}$/.test(reference)) continue;
      const known = tenants.get(reference);
      if (known?.display !== undefined) continue;
      tenants.set(reference, { reference, ...(typeof display === 'string' ? { display } : {}) });
    }
  }
  return [...tenants.values()];
}

/** Whether any policy limits the membership: without one its member sees all organizations. */
function isUnlimited({ access, accessPolicy }: JsonObject): boolean {
  return accessPolicy === undefined && objectsOf(access).length === 0;
}

/** The caller's tenants, each with the name that the membership or else the organization has for it. */
export async function describeTenants(session: Session, reader: MemberReader): Promise<NamedReference[]> {
  const membership = await reader.find(`ProjectMembership/${session.current.membershipId}`);
  const tenants = membership === undefined ? [] : tenantsOf(membership);
  const unnamed = tenants.filter(({ display }) => display === undefined);
  const organizations = await reader.findAll(unnamed.map(({ reference }) => reference));
  return tenants.map((tenant) => {
    const name = organizations.get(tenant.reference)?.name;
    return tenant.display === undefined && typeof name === 'string' ? { ...tenant, display: name } : tenant;
  });
}

/** The configuration without an active tenant that the membership does not allow (any more). */
export function withAllowedTenant(configuration: JsonObject, membership: JsonObject): JsonObject {
  if (isUnlimited(membership) || !Array.isArray(configuration.option)) return configuration;
  const allowed = new Set(tenantsOf(membership).map(({ reference }) => reference));
  const option = configuration.option.filter(
    (one) => !isJsonObject(one) || one.id !== ACTIVE_TENANT || allowed.has(tenantIn(one)),
  );
  const { option: _all, ...rest } = configuration;
  return option.length === 0 ? rest : { ...rest, option };
}

function tenantIn({ valueReference, valueString, valueId }: JsonObject): string {
  const reference = isJsonObject(valueReference) ? valueReference.reference : (valueString ?? valueId);
  if (typeof reference !== 'string') return '';
  return reference.includes('/') ? reference : `Organization/${reference}`;
}

const objectsOf = (value: unknown): JsonObject[] => (Array.isArray(value) ? value.filter(isJsonObject) : []);
