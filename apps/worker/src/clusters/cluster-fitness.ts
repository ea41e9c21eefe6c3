import type { Cluster } from '#control-database';
import { type Connection, sql } from '#postgres';

/** The tenant schema needs it, and no earlier one is tested. */
const leastVersion = { number: 180_000, name: 'PostgreSQL 18' };

/** What a server says of itself and of the role that has logged in. */
export interface ServerFacts {
  /** `server_version_num`. */
  readonly version: number;
  readonly maxConnections: number;
  readonly isStandby: boolean;
  readonly createsDatabases: boolean;
  readonly createsRoles: boolean;
  /** Databases of PostgreSQL itself to which every role may connect, which is not the role's to change. */
  readonly openDatabases: readonly string[];
  /** The clusters whose marks its databases carry. */
  readonly clusterIds: readonly string[];
}

/** Asks a server for its facts, in its maintenance database. */
export async function serverFacts(admin: Connection): Promise<ServerFacts> {
  const [facts] = await admin.query<ServerFacts & Record<string, unknown>>(sql`
    SELECT current_setting('server_version_num')::int AS version,
           current_setting('max_connections')::int AS "maxConnections",
           pg_is_in_recovery() AS "isStandby",
           rolsuper OR rolcreatedb AS "createsDatabases",
           rolsuper OR rolcreaterole AS "createsRoles",
           ARRAY(SELECT datname::text FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS acl
                  WHERE datname IN ('postgres', 'template1') AND acl.grantee = 0 AND acl.privilege_type = 'CONNECT'
                    AND NOT pg_has_role(datdba, 'USAGE') ORDER BY 1) AS "openDatabases",
           ARRAY(SELECT DISTINCT substring(shobj_description(oid, 'pg_database') FROM '^boxyard (cl_[0-9a-z]+) ')
                   FROM pg_database WHERE starts_with(shobj_description(oid, 'pg_database'), 'boxyard cl_'))
             AS "clusterIds"
      FROM pg_roles WHERE rolname = current_user`);
  return facts!;
}

/**
 * What a server lacks to take the projects of a cluster, in words for its operator; nothing when it is fit. `others` are
 * the clusters that there are: a server is one cluster at most, because each cluster counts its connections by itself.
 * Pure.
 */
export function clusterFlaws(
  facts: ServerFacts,
  { maxConnections }: Pick<Cluster, 'maxConnections'>,
  others: readonly Pick<Cluster, 'id' | 'name'>[],
): string[] {
  const same = others.find(({ id }) => facts.clusterIds.includes(id));
  return [
    ...(facts.version < leastVersion.number ? [`it is not ${leastVersion.name} or later`] : []),
    ...(facts.isStandby ? ['it is a standby, which can only be read'] : []),
    ...(facts.createsDatabases ? [] : ['the role may not create databases (CREATEDB)']),
    ...(facts.createsRoles ? [] : ['the role may not create roles (CREATEROLE)']),
    ...facts.openDatabases.map(
      (name) => `every role may connect to ${name}, whose owner must run REVOKE ALL ON DATABASE "${name}" FROM PUBLIC`,
    ),
    ...(facts.maxConnections < maxConnections ? [`it accepts ${facts.maxConnections} connections only`] : []),
    ...(same === undefined ? [] : [`it is the server of cluster ${same.name} already`]),
  ];
}
