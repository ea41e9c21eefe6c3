import { readResource, type JsonObject } from '#fhir';
import { systemPolicy } from '#access-policy';
import { sql, type Connection } from '#postgres';
import { v5 } from 'uuid';
import type { Caller } from './caller.js';
import { addInvitationKey } from './credentials/security-links.js';
import { draftResource } from './writing/draft.js';
import { acceptResource } from './writing/resource-checks.js';
import { insertResources, rehearseInsert } from './sql/insert.sql.js';
import { lockCurrent } from './sql/read.sql.js';
import { assertTenantDatabase, type TenantDatabase } from './tenant-database.js';

export interface ProjectSeed {
  readonly project: { readonly id: string; readonly name: string };
  readonly adminClient: {
    readonly clientId: string;
    /** SHA-256 of the client's secret, in hex digits. */
    readonly secretSha256: string;
  };
  readonly owner?: {
    readonly email: string;
    readonly firstName?: string;
    readonly lastName?: string;
    /** As `hashPassword` gives it; without one the owner cannot log in until a password is set. */
    readonly passwordHash?: string;
    /** The link by which an owner without a password sets one: its id, and the SHA-256 of its secret in hex digits. */
    readonly invitation?: { readonly id: string; readonly secretSha256: string };
  };
}

export interface SeededProject {
  readonly clientId: string;
  readonly clientMembershipId: string;
  readonly owner?: { readonly userId: string; readonly profileId: string; readonly membershipId: string };
}

/**
 * Writes what a new project starts with: the Project, a ClientApplication with project-admin rights and its secret, and,
 * for an owner, a User with a Practitioner profile and an admin ProjectMembership. One transaction.
 *
 * Safe to run again: all ids follow from the seed, what is there already stays as it is, secrets included.
 */
export async function seedProject(
  tenant: TenantDatabase,
  seed: ProjectSeed,
  requestId: string,
): Promise<SeededProject> {
  assertTenantDatabase(tenant);
  const caller = seeder(requestId);
  const ids = seededIds(seed);
  const drafts = seedResources(seed, ids).map((resource) => {
    const text = readResource(JSON.stringify(resource));
    return draftResource(tenant, caller, text.id ?? '', acceptResource(tenant, text));
  });
  // Nothing can have cached rights of a project that has none yet: no epoch is checked or raised.
  await tenant.use((connection) =>
    connection.transaction(async (transaction) => {
      const existing = await lockCurrent(transaction, drafts);
      const missing = drafts.filter(({ type, id }) => !existing.has(`${type}/${id}`));
      // Sent together, so that they share a round trip.
      await Promise.all([
        missing.length > 0 && insertResources(transaction, undefined, caller, missing),
        writeSecrets(transaction, seed, ids),
      ]);
    }),
  );
  return ids;
}

/**
 * Has the server read and plan now, on this connection, what `seedProject` will run there later. Changes nothing: the
 * same statements find and write no row.
 */
export async function rehearseSeeding(connection: Connection): Promise<void> {
  await connection.transaction(async (transaction) => {
    await lockCurrent(transaction, [{ type: 'Project', id: 'none' }]);
    await rehearseInsert(transaction, seeder('rehearsal'), ['resource_reference', 'resource_string', 'resource_text']);
  });
}

function seeder(requestId: string): Caller {
  return { policy: systemPolicy('seed a new project'), agent: 'system/seed-project', requestId };
}

/** Those that are there already stay as they are. */
async function writeSecrets(transaction: Connection, seed: ProjectSeed, ids: SeededProject): Promise<void> {
  const { adminClient, owner } = seed;
  const clientSecret = sql`
    INSERT INTO client_secret (client_id, secret_hash)
    VALUES (${adminClient.clientId}, ${Buffer.from(adminClient.secretSha256, 'hex')})
    ON CONFLICT (client_id) DO NOTHING`;
  await Promise.all([
    transaction.query(clientSecret),
    ids.owner && owner && writeOwnersWayIn(transaction, owner, ids.owner.userId),
  ]);
}

async function writeOwnersWayIn(
  transaction: Connection,
  { passwordHash, invitation }: NonNullable<ProjectSeed['owner']>,
  userId: string,
): Promise<void> {
  if (passwordHash !== undefined) {
    await transaction.query(sql`
      INSERT INTO user_password (user_id, hash) VALUES (${userId}, ${passwordHash}) ON CONFLICT (user_id) DO NOTHING`);
  } else if (invitation !== undefined) {
    await addInvitationKey(transaction, { ...invitation, user: `User/${userId}` });
  }
}

/** Ids that the seed does not give are derived from the project's (RFC 9562 section 5.5), so that they never change. */
function seededIds({ project, adminClient, owner }: ProjectSeed): SeededProject {
  const derived = (name: string) => v5(name, project.id);
  return {
    clientId: adminClient.clientId,
    clientMembershipId: derived('admin-client-membership'),
    ...(owner
      ? {
          owner: {
            userId: derived('owner-user'),
            profileId: derived('owner-profile'),
            membershipId: derived('owner-membership'),
          },
        }
      : {}),
  };
}

function seedResources({ project, adminClient, owner }: ProjectSeed, ids: SeededProject): JsonObject[] {
  const projectReference = { reference: `Project/${project.id}`, display: project.name };
  const client = { reference: `ClientApplication/${adminClient.clientId}`, display: 'Admin client' };
  const resources: JsonObject[] = [
    {
      resourceType: 'Project',
      id: project.id,
      name: project.name,
      strictMode: true,
      ...(ids.owner ? { owner: { reference: `User/${ids.owner.userId}` } } : {}),
    },
    { resourceType: 'ClientApplication', id: adminClient.clientId, name: 'Admin client', status: 'active' },
    {
      resourceType: 'ProjectMembership',
      id: ids.clientMembershipId,
      project: projectReference,
      user: client,
      profile: client,
      admin: true,
    },
  ];
  if (owner === undefined || ids.owner === undefined) return resources;
  const email = owner.email.toLowerCase();
  // A User must have both names; somebody known by the address alone gets the part before the @.
  const [unnamed = email] = email.split('@');
  const firstName = owner.firstName ?? unnamed;
  const lastName = owner.lastName ?? unnamed;
  const display = owner.firstName || owner.lastName ? `${firstName} ${lastName}` : email;
  return [
    ...resources,
    {
      resourceType: 'User',
      id: ids.owner.userId,
      firstName,
      lastName,
      email,
      project: projectReference,
    },
    {
      resourceType: 'Practitioner',
      id: ids.owner.profileId,
      name: [{ family: lastName, given: [firstName] }],
      telecom: [{ system: 'email', value: email }],
    },
    {
      resourceType: 'ProjectMembership',
      id: ids.owner.membershipId,
      project: projectReference,
      user: { reference: `User/${ids.owner.userId}`, display: email },
      profile: { reference: `Practitioner/${ids.owner.profileId}`, display },
      admin: true,
    },
    ...(owner.invitation === undefined
      ? []
      : [
          {
            resourceType: 'UserSecurityRequest',
            id: owner.invitation.id,
            type: 'invite',
            user: { reference: `User/${ids.owner.userId}` },
          },
        ]),
  ];
}
