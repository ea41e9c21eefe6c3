/**
 * The owner of a project stays one of its administrators, whatever the others do: there is always somebody who can let
 * people in again.
 */
import { badRequest, type JsonObject } from '#fhir';
import type { Context } from '../rights/rights.js';
import { lockCurrent } from '../sql/read.sql.js';
import type { StoredVersion } from '../stored-version.js';
import type { Scope } from '../transaction.js';

/**
 * Throws 400 when `version` is the project's owner or a membership of the owner, which must not be deleted. Nothing is
 * looked up for other types.
 */
export async function assertNotOwners(context: Context, scope: Scope, version: StoredVersion): Promise<void> {
  const { type, id } = version;
  if (type === 'User' && (await ownerOf(context, scope)) === `User/${id}`) {
    throw badRequest('The project owner cannot be deleted');
  }
  if (type !== 'ProjectMembership') return;
  const user = referenceOf(JSON.parse(version.body) as JsonObject, 'user');
  if (user === undefined || user !== (await ownerOf(context, scope))) return;
  throw badRequest('The membership of the project owner cannot be deleted', { expression: ['ProjectMembership.user'] });
}

/**
 * Throws 400 when `next` takes away from a membership of the project's owner what makes it an active one, or an
 * administrator's. Nothing is looked up for other types, and for what takes away neither.
 */
export async function assertOwnerStays(
  context: Context,
  scope: Scope,
  { type, deleted, body }: StoredVersion,
  next: JsonObject,
): Promise<void> {
  if (type !== 'ProjectMembership' || deleted) return;
  const stored = JSON.parse(body) as JsonObject;
  const lost = (['active', 'admin'] as const).find((member) => has(stored, member) && !has(next, member));
  if (lost === undefined) return;
  const user = referenceOf(stored, 'user');
  if (user === undefined || user !== (await ownerOf(context, scope))) return;
  throw badRequest('The project owner stays an active administrator', { expression: [`ProjectMembership.${lost}`] });
}

/** Memberships are active unless they say otherwise, and no administrators' unless they say so. */
const has = (membership: JsonObject, member: 'active' | 'admin'): boolean =>
  membership[member] === true || (member === 'active' && membership.active === undefined);

/** `User/…`; undefined when the project has none. */
async function ownerOf({ tenant }: Context, scope: Scope): Promise<string | undefined> {
  const id = tenant.projectId;
  const project = (await lockCurrent(scope.connection, [{ type: 'Project', id }])).get(`Project/${id}`);
  return project === undefined || project.deleted
    ? undefined
    : referenceOf(JSON.parse(project.body) as JsonObject, 'owner');
}

function referenceOf(resource: JsonObject, member: string): string | undefined {
  const reference = (resource[member] as JsonObject | undefined)?.reference;
  return typeof reference === 'string' ? reference : undefined;
}
