/**
 * What the identity routes and the token guard read. Each function is one statement, and so one snapshot: the epoch that
 * it returns belongs to exactly the rights it returns, and a principal built from them is current as long as every later
 * statement returns the same epoch.
 */
import type { JsonObject } from '#fhir';
import { compiledSql, type Connection } from '#postgres';
import type { TenantDatabase } from '../tenant-database.js';
import { referenceTarget } from './reference-target.js';
import type { Credentials } from './take-credentials.js';

/**
 * The types, besides Login, of which the statements below read resources, so that whoever writes one raises the epoch
 * (`changesRights`).
 */
export const principalTypes: ReadonlySet<string> = new Set([
  'AccessPolicy',
  'ProjectMembership',
  'User',
  'ClientApplication',
  'Bot',
]);

export interface ClientCredentials extends Credentials {
  readonly epoch: string;
  /** Undefined when there is no such client (any more). */
  readonly client?: JsonObject;
  /** The client's memberships in order of creation; inactive ones too. */
  readonly memberships: readonly JsonObject[];
  /** The policies that the memberships name and that exist, by `AccessPolicy/id`. */
  readonly policies: ReadonlyMap<string, JsonObject>;
}

/**
 * The AccessPolicies that the ProjectMemberships in `bodies` (an expression of type text[]) name, of this database. The
 * type json, other than jsonb, takes every text that JSON allows.
 */
const policiesNamedIn = (bodies: string) => `
  SELECT array_agg(p.body) AS bodies
  FROM (
    SELECT DISTINCT substr(named.reference, length('AccessPolicy/') + 1) AS id
    FROM unnest(${bodies}) AS membership (body),
    LATERAL (
      SELECT body::json #>> '{accessPolicy,reference}' AS reference
      UNION ALL
      SELECT entry #>> '{policy,reference}'
      FROM json_array_elements(
        CASE json_typeof(body::json -> 'access') WHEN 'array' THEN body::json -> 'access' ELSE '[]' END
      ) AS entry
    ) AS named
    WHERE named.reference LIKE 'AccessPolicy/%'
  ) AS wanted
  JOIN resource p ON p.type = 'AccessPolicy' AND p.fhir_id = wanted.id AND NOT p.deleted`;

const clientText = `
SELECT e.epoch, s.secret_hash, s.retiring_hash, c.body AS client, m.bodies AS memberships, p.bodies AS policies
FROM security_epoch e
LEFT JOIN resource c ON c.type = 'ClientApplication' AND c.fhir_id = $1 AND NOT c.deleted
LEFT JOIN client_secret s ON s.client_id = c.fhir_id
LEFT JOIN LATERAL (
  SELECT array_agg(m.body ORDER BY m.id) AS bodies
  FROM resource_reference f JOIN resource m ON m.id = f.resource_id AND m.type = 'ProjectMembership' AND NOT m.deleted
  WHERE c.id IS NOT NULL AND f.target = $2::uuid AND f.parameter = $3::int4
) m ON true
LEFT JOIN LATERAL (${policiesNamedIn('m.bodies')}) p ON true`;

/** A client with the hashes of its secrets, its memberships and their policies, for a log-in with client credentials. */
export async function findClientCredentials(tenant: TenantDatabase, clientId: string): Promise<ClientCredentials> {
  const target = referenceTarget(tenant, 'ProjectMembership', 'user', `ClientApplication/${clientId}`);
  const [row] = await tenant.use((connection) =>
    connection.query<{
      epoch: string;
      secret_hash: Buffer | null;
      retiring_hash: Buffer | null;
      client: string | null;
      memberships: string[] | null;
      policies: string[] | null;
    }>(compiledSql({ name: 'store_client', text: clientText, values: [clientId, target.hash, target.parameter] })),
  );
  if (row === undefined) throw new Error('The tenant database has no security epoch.');
  return {
    epoch: row.epoch,
    ...(row.secret_hash ? { secretHash: row.secret_hash } : {}),
    ...(row.retiring_hash ? { retiringHash: row.retiring_hash } : {}),
    ...(row.client === null ? {} : { client: parse(row.client) }),
    memberships: (row.memberships ?? []).map(parse),
    policies: policyMap(row.policies),
  };
}

/** Has the server plan the statement of `findClientCredentials` now, on this connection. It finds nothing. */
export async function rehearseClientCredentials(connection: Connection): Promise<void> {
  const nobody = ['', '00000000-0000-0000-0000-000000000000', 0];
  await connection.query(compiledSql({ name: 'store_client', text: clientText, values: nobody }));
}

export interface PrincipalQuery {
  readonly membershipId: string;
  /** `ClientApplication/…`, `User/…` or `Bot/…`: whose membership it must be, when that is known. */
  readonly user?: string;
  /** The Login that the token belongs to, if its kind of token has one. */
  readonly loginId?: string;
}

/** What is undefined does not exist (any more), or, for the membership and what it names, is somebody else's. */
export interface PrincipalRecords {
  readonly epoch: string;
  readonly membership?: JsonObject;
  /** The User, ClientApplication or Bot that the membership names. */
  readonly user?: JsonObject;
  readonly login?: JsonObject;
  /** The ClientApplication through which the login came. */
  readonly client?: JsonObject;
  /** The policies that the membership names and that exist, by `AccessPolicy/id`. */
  readonly policies: ReadonlyMap<string, JsonObject>;
}

const principalText = `
SELECT e.epoch, m.body AS membership, u.body AS "user", l.body AS login, c.body AS client, p.bodies AS policies
FROM security_epoch e
LEFT JOIN resource m ON m.type = 'ProjectMembership' AND m.fhir_id = $1 AND NOT m.deleted
LEFT JOIN resource u ON u.type = split_part(m.body::json #>> '{user,reference}', '/', 1)
  AND u.fhir_id = split_part(m.body::json #>> '{user,reference}', '/', 2) AND NOT u.deleted
LEFT JOIN resource l ON l.type = 'Login' AND l.fhir_id = $2 AND NOT l.deleted
LEFT JOIN resource c ON c.type = 'ClientApplication'
  AND c.fhir_id = split_part(l.body::json #>> '{client,reference}', '/', 2) AND NOT c.deleted
LEFT JOIN LATERAL (${policiesNamedIn('ARRAY[m.body]')}) p ON true`;

/** All that decides whether a token still is good, and for what: the membership, its policies, whose it is, the session. */
export async function readPrincipal(connection: Connection, query: PrincipalQuery): Promise<PrincipalRecords> {
  const [row] = await connection.query<{
    epoch: string;
    membership: string | null;
    user: string | null;
    login: string | null;
    client: string | null;
    policies: string[] | null;
  }>(
    compiledSql({ name: 'store_principal', text: principalText, values: [query.membershipId, query.loginId ?? null] }),
  );
  if (row === undefined) throw new Error('The tenant database has no security epoch.');
  const membership = row.membership === null ? undefined : parse(row.membership);
  const named = (membership?.user as JsonObject | undefined)?.reference;
  const isTheirs = query.user === undefined || named === query.user;
  return {
    epoch: row.epoch,
    ...(membership === undefined || !isTheirs ? {} : { membership }),
    ...(row.user === null || !isTheirs ? {} : { user: parse(row.user) }),
    ...(row.login === null ? {} : { login: parse(row.login) }),
    ...(row.client === null ? {} : { client: parse(row.client) }),
    policies: policyMap(isTheirs ? row.policies : null),
  };
}

const parse = (body: string): JsonObject => JSON.parse(body) as JsonObject;

const policyMap = (bodies: readonly string[] | null): ReadonlyMap<string, JsonObject> =>
  new Map((bodies ?? []).map(parse).map((policy) => [`AccessPolicy/${policy.id as string}`, policy]));
