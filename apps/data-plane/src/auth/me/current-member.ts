/** What `auth/me` says about the caller; the form is the one that MedplumClient reads. */
import type { JsonObject } from '#fhir';
import { findLoginsOf, findMembershipsOf, liveLoginIds } from '#fhir-store';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { isActiveMembership, type Principal } from '../principal.js';
import type { Session } from '../session.js';
import { defaultConfiguration } from './default-configuration.js';
import type { MemberReader } from './member-reader.js';
import { withAllowedTenant } from './tenants.js';
import { deviceOf } from './user-agent.js';

/** What is told about the caller; the profile is as `MemberReader.profile` shows it. */
interface CurrentMember {
  readonly profile: JsonObject;
  readonly [member: string]: unknown;
}

/**
 * The caller's project, membership, profile and rights; for people also who they are and, unless an administrator acts on
 * their behalf, where they are logged in. Throws StaleRights.
 */
export async function describeMember(session: Session, reader: MemberReader): Promise<CurrentMember> {
  const { runtime, current } = session;
  const [project, membership, profile, user] = await Promise.all([
    reader.find(`Project/${runtime.entry.projectId}`),
    required(reader, `ProjectMembership/${current.membershipId}`),
    reader.profile(),
    current.user.startsWith('User/') ? required(reader, current.user) : undefined,
  ]);
  const { policy } = current;
  return {
    ...(user === undefined ? {} : { user: partOf(user, 'resourceType', 'id', 'email') }),
    project: projectSummary(runtime, project),
    membership: membershipSummary(membership),
    profile,
    config: await readConfiguration(reader, membership, current),
    accessPolicy: policy.describe(),
    ...(user === undefined || session.isActing
      ? {}
      : { security: await describeSecurity(runtime, current.user, user) }),
  };
}

async function required(reader: MemberReader, reference: string): Promise<JsonObject> {
  const resource = await reader.find(reference);
  if (resource === undefined) throw new Error(`${reference} of a member does not exist.`);
  return resource;
}

function projectSummary({ entry }: TenantRuntime, project: JsonObject | undefined): JsonObject {
  return {
    resourceType: 'Project',
    id: entry.projectId,
    name: entry.name,
    ...partOf(project ?? {}, 'description'),
    strictMode: project?.strictMode !== false,
    superAdmin: false,
  };
}

const membershipSummary = (membership: JsonObject): JsonObject => ({
  resourceType: 'ProjectMembership',
  ...partOf(membership, 'id', 'identifier', 'user', 'profile'),
  admin: membership.admin === true,
});

async function readConfiguration(
  reader: MemberReader,
  membership: JsonObject,
  { policy }: Principal,
): Promise<JsonObject> {
  const reference = (membership.userConfiguration as JsonObject | undefined)?.reference;
  const isOne = typeof reference === 'string' && reference.startsWith('UserConfiguration/');
  const configuration = isOne ? await reader.find(reference) : undefined;
  return configuration === undefined ? defaultConfiguration(policy) : withAllowedTenant(configuration, membership);
}

/** Where somebody is logged in, and as what they could be. */
async function describeSecurity({ database }: TenantRuntime, reference: string, user: JsonObject): Promise<JsonObject> {
  const [logins, memberships] = await Promise.all([
    findLoginsOf(database, reference),
    findMembershipsOf(database, reference),
  ]);
  const ids = logins.map(({ id }) => id);
  const live = new Set(await database.use((connection) => liveLoginIds(connection, ids)));
  return {
    mfaEnrolled: user.mfaEnrolled === true,
    sessions: logins.filter(({ id }) => live.has(id)).map(sessionSummary),
    memberships: memberships.filter(isActiveMembership).map((membership) => ({
      resourceType: 'ProjectMembership',
      ...partOf(membership, 'id', 'identifier', 'profile'),
      admin: membership.admin === true,
    })),
  };
}

function sessionSummary(login: JsonObject): JsonObject {
  const { userAgent } = login;
  return {
    ...partOf(login, 'id', 'authMethod', 'remoteAddress'),
    ...partOf(login.meta as JsonObject, 'lastUpdated'),
    ...(typeof userAgent === 'string' ? deviceOf(userAgent) : {}),
  };
}

/** Those of the members that are there. */
function partOf(resource: JsonObject, ...names: string[]): JsonObject {
  const part: JsonObject = {};
  for (const name of names) {
    const value = resource[name];
    if (value !== undefined) part[name] = value;
  }
  return part;
}
