/**
 * Patients who register themselves. Each step is one transaction under a lock on what must be there once only, so that two
 * equal requests at the same time make one account and one membership.
 */
import type { JsonObject } from '#fhir';
import { systemPolicy } from '#access-policy';
import { sql, type Connection } from '#postgres';
import { uuidv7 } from '#platform';
import type { Caller } from '../caller.js';
import { draftOf } from '../writing/draft.js';
import { insertResources } from '../sql/insert.sql.js';
import { findCurrent } from '../sql/read.sql.js';
import { assertTenantDatabase, type TenantDatabase } from '../tenant-database.js';
import { inTransaction } from '../transaction.js';
import { createUser, findMemberships, findUser, userIdOf, type NewUser, type StoredResource } from './users.js';

/**
 * The policy that patients get who register themselves (`AccessPolicy/<id>`); undefined when the project does not let them.
 */
export async function registrationPolicy(tenant: TenantDatabase): Promise<string | undefined> {
  assertTenantDatabase(tenant);
  return tenant.use((connection) => readRegistrationPolicy(tenant, connection, undefined));
}

/** First key of the locks on addresses; the second is the hash of the address. */
const ADDRESS_LOCKS = 1651469922;

/**
 * Makes the account and gives the User's id, or `taken` when there is one with that address. Somebody without a membership
 * has no right that could change, so the epoch does not rise: strangers must not make all others read their rights again.
 */
export async function registerUser(
  tenant: TenantDatabase,
  user: NewUser & { readonly email: string },
  requestId: string,
): Promise<string> {
  assertTenantDatabase(tenant);
  const caller = registrar(requestId);
  return inTransaction(tenant, caller, false, async (scope) => {
    // Changes of rights, such as an invitation, are excluded by the transaction; this excludes the same registration.
    await scope.connection.query(
      sql`SELECT pg_advisory_xact_lock(${ADDRESS_LOCKS}::int, hashtext(${user.email}::text))`,
    );
    if ((await findUser({ tenant }, scope, user.email)) !== undefined) return 'taken';
    return (await createUser({ tenant, caller }, scope, { ...user, emailVerified: false })).id;
  });
}

/**
 * Makes the Patient of a person (`User/<id>`) and a membership with the project's policy for patients, and gives the
 * membership's id; `member` when the person has a membership already. Throws when the project has no such policy.
 */
export async function registerPatient(tenant: TenantDatabase, user: string, requestId: string): Promise<string> {
  assertTenantDatabase(tenant);
  const caller = registrar(requestId);
  return inTransaction(tenant, caller, true, async (scope) => {
    const policy = await readRegistrationPolicy(tenant, scope.connection, scope.epoch);
    if (policy === undefined) throw new Error('The project does not let patients register.');
    if ((await findMemberships(tenant, scope, user)).length > 0) return 'member';
    const person = await findCurrent(scope.connection, scope.epoch, 'User', userIdOf(user));
    if (person === undefined || person.deleted) throw new Error(`${user} does not exist any more.`);
    const resources = patientOf(tenant.projectId, JSON.parse(person.body) as StoredResource, policy);
    const drafts = resources.map((resource) => draftOf(tenant, caller, resource));
    await insertResources(scope.connection, scope.epoch, caller, drafts);
    return resources[1].id;
  });
}

function patientOf(projectId: string, user: StoredResource, policy: string): [StoredResource, StoredResource] {
  const { firstName, lastName, email } = user as unknown as Record<'firstName' | 'lastName' | 'email', string>;
  const [patientId, membershipId] = [uuidv7(), uuidv7()];
  return [
    {
      resourceType: 'Patient',
      id: patientId,
      name: [{ given: [firstName], family: lastName }],
      telecom: [{ system: 'email', value: email }],
    },
    {
      resourceType: 'ProjectMembership',
      id: membershipId,
      project: { reference: `Project/${projectId}` },
      user: { reference: `User/${user.id}`, display: email },
      profile: { reference: `Patient/${patientId}`, display: `${firstName} ${lastName}` },
      accessPolicy: { reference: policy },
    },
  ];
}

async function readRegistrationPolicy(
  tenant: TenantDatabase,
  connection: Connection,
  epoch: string | undefined,
): Promise<string | undefined> {
  const project = await findCurrent(connection, epoch, 'Project', tenant.projectId);
  if (project === undefined || project.deleted) return undefined;
  const { defaultPatientAccessPolicy: policy } = JSON.parse(project.body) as JsonObject;
  const reference = (policy as JsonObject | undefined)?.reference;
  return typeof reference === 'string' ? reference : undefined;
}

const registrar = (requestId: string): Caller => ({
  policy: systemPolicy('a patient registers'),
  agent: 'system/registration',
  requestId,
});
