/** What `auth/me` says about the caller; the form is the one that MedplumClient reads. */
import type { JsonObject } from '#fhir';
import { systemPolicy } from '#access-policy';
import { ResourceRepository } from '#fhir-store';
import type { Session } from './session.js';

/** Types that only project admins may see; the client judges with them which forms to offer. */
const ADMIN_TYPES = ['Project', 'ProjectMembership', 'User'];

/** The caller's project, membership, profile and rights. Throws when the profile does not exist. */
export async function describeMember(session: Session, requestId: string): Promise<object> {
  const { runtime, current } = session;
  const { entry, database } = runtime;
  const repository = new ResourceRepository(database, {
    policy: systemPolicy('the caller reads who it is'),
    epoch: current.epoch,
    agent: current.profile.reference,
    requestId,
  });
  const [type = '', id = ''] = current.profile.reference.split('/');
  const [membership, profile] = await Promise.all([
    readJson(repository, 'ProjectMembership', current.membershipId),
    readJson(repository, type, id),
  ]);
  return {
    project: { resourceType: 'Project', id: entry.projectId, name: entry.name, strictMode: true, superAdmin: false },
    membership: membershipSummary(membership, current.admin),
    profile,
    config: await readConfiguration(repository, membership),
    accessPolicy: effectivePolicy(current.admin),
  };
}

async function readJson(repository: ResourceRepository, type: string, id: string): Promise<JsonObject> {
  return JSON.parse((await repository.read(type, id)).body) as JsonObject;
}

function membershipSummary(membership: JsonObject, admin: boolean): JsonObject {
  const { id, identifier, user, profile } = membership;
  return {
    resourceType: 'ProjectMembership',
    id,
    ...(identifier === undefined ? {} : { identifier }),
    user,
    profile,
    admin,
  };
}

async function readConfiguration(repository: ResourceRepository, membership: JsonObject): Promise<JsonObject> {
  const reference = (membership.userConfiguration as JsonObject | undefined)?.reference;
  const id = typeof reference === 'string' ? /^UserConfiguration\/(.+)$/.exec(reference)?.[1] : undefined;
  return id === undefined
    ? { resourceType: 'UserConfiguration', menu: [] }
    : readJson(repository, 'UserConfiguration', id);
}

function effectivePolicy(admin: boolean): JsonObject {
  const types = ['*', ...(admin ? ADMIN_TYPES : [])];
  return { resourceType: 'AccessPolicy', resource: types.map((resourceType) => ({ resourceType })) };
}
