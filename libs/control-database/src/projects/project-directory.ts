import type { ClusterId, ProjectId, TenantDatabaseId } from '../ids.js';
import type { SslMode } from '../clusters/cluster.entity.js';
import type { SigningKeyState } from '../secrets/signing-key.entity.js';
import type { MaintenanceMode, ProjectState } from './project.entity.js';

/** All that a data plane needs to serve a project, or to say why it is not served. Secrets are sealed. */
export interface DirectoryEntry {
  projectId: ProjectId;
  slug: string;
  name: string;
  state: ProjectState;
  reason: string | null;
  maintenanceMode: MaintenanceMode | null;
  fhirVersion: string;
  purgeAfter: Date | null;
  /** Names the project answers to. One that is not active yet is reserved: its project is still being built. */
  baseUrls: DirectoryBaseUrl[];
  /** The project's data key, wrapped by the master key; null before the project is placed and after its purge. */
  dataKeyWrapped: Buffer | null;
  placement: DirectoryPlacement | null;
  signingKeys: DirectorySigningKey[];
}

export interface DirectoryBaseUrl {
  kind: 'slug' | 'domain';
  name: string;
  canonical: boolean;
  active: boolean;
  /** A former slug: when it was given up and when it ends, in milliseconds since 1970. */
  supersededAt: number | null;
  endsAt: number | null;
}

export interface DirectoryPlacement {
  generation: number;
  clusterId: ClusterId;
  host: string;
  port: number;
  sslMode: SslMode;
  /** PEM; null means the certificates that Node trusts. */
  sslCa: string | null;
  tenantDatabaseId: TenantDatabaseId;
  databaseName: string;
  roleName: string;
  schemaVersion: number;
  /** Sealed with the key below, context `tenant-password:<tenantDatabaseId>`. */
  passwordSealed: Buffer;
  passwordKeyWrapped: Buffer;
}

export interface DirectorySigningKey {
  kid: string;
  publicJwk: Record<string, unknown>;
  privateSealed: Buffer;
  state: SigningKeyState;
  /** When a verifying key ends, in milliseconds since 1970; null when nothing has been said. */
  endsAt: number | null;
}

/** Entries and the mark to ask with next time. */
export interface DirectoryPage {
  entries: DirectoryEntry[];
  /** Decimal text of the oldest transaction that was still open: what it may yet commit is seen when asked from here. */
  mark: string;
}

/** How long a renamed project still answers to its former slug. Nobody else can have it meanwhile. */
export const slugKept = `interval '90 days'`;

const milliseconds = (moment: string): string => `floor(extract(epoch FROM ${moment}) * 1000)`;

/**
 * One statement, so that the mark and the rows belong to one snapshot. `$1` is the mark of the last call or null for
 * everything that exists; with a mark, projects deleted since then are listed too.
 */
export const directoryStatement = `
SELECT m.mark, p.id AS project_id, p.slug, p.name, p.state, p.reason, p.maintenance_mode, p.fhir_version, p.purge_after,
       own_key.wrapped AS data_key_wrapped,
       pl.generation, t.cluster_id, c.host, c.port, c.ssl_mode, c.ssl_ca, t.id AS tenant_database_id, t.database_name, t.role_name,
       t.schema_version, t.password_sealed, password_key.wrapped AS password_key_wrapped,
       (SELECT coalesce(json_agg(json_build_object('kind', b.kind, 'name', b.name, 'canonical', b.canonical,
                                                   'active', b.active,
                                                   'supersededAt', ${milliseconds(`b.free_after - ${slugKept}`)},
                                                   'endsAt', ${milliseconds('b.free_after')})
                                 ORDER BY b.canonical DESC, b.name), '[]')
          FROM base_url b WHERE b.project_id = p.id
           AND (b.free_after IS NULL OR b.active AND b.free_after > now())) AS base_urls,
       (SELECT coalesce(json_agg(json_build_object('kid', k.kid, 'publicJwk', k.public_jwk, 'state', k.state,
                                                   'endsAt', ${milliseconds('k.verify_until')},
                                                   'privateSealed', encode(k.private_sealed, 'base64'))
                                 ORDER BY k.created_at DESC), '[]')
          FROM signing_key k WHERE k.project_id = p.id AND k.state <> 'revoked'
           AND (k.verify_until IS NULL OR k.verify_until > now())) AS signing_keys
  FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS mark) m
  LEFT JOIN project p ON CASE WHEN $1::text IS NULL THEN p.state <> 'deleted' ELSE true END
                     AND p.changed_xid >= coalesce($1::text, '0')::xid8
  LEFT JOIN data_key own_key ON own_key.id = p.data_key_id
  LEFT JOIN placement pl ON pl.project_id = p.id
  LEFT JOIN tenant_database t ON t.id = pl.tenant_database_id
  LEFT JOIN data_key password_key ON password_key.id = t.data_key_id
  LEFT JOIN cluster c ON c.id = t.cluster_id`;

/** A row of the statement above; all but the mark is null when there is no project to list. */
export interface DirectoryRow {
  mark: string;
  projectId: ProjectId | null;
  slug: string;
  name: string;
  state: ProjectState;
  reason: string | null;
  maintenanceMode: MaintenanceMode | null;
  fhirVersion: string;
  purgeAfter: Date | null;
  dataKeyWrapped: Buffer | null;
  generation: number | null;
  clusterId: ClusterId;
  host: string;
  port: number;
  sslMode: SslMode;
  sslCa: string | null;
  tenantDatabaseId: TenantDatabaseId;
  databaseName: string;
  roleName: string;
  schemaVersion: number;
  passwordSealed: Buffer;
  passwordKeyWrapped: Buffer | null;
  baseUrls: DirectoryBaseUrl[];
  signingKeys: (Omit<DirectorySigningKey, 'privateSealed'> & { privateSealed: string })[];
}

/** Builds the page from the statement's rows. */
export function toDirectoryPage(rows: readonly DirectoryRow[]): DirectoryPage {
  const mark = rows[0]?.mark;
  if (mark === undefined) throw new Error('The directory statement always gives a row.');
  return { mark, entries: rows.flatMap((row) => (row.projectId === null ? [] : [toEntry(row, row.projectId)])) };
}

function toEntry(row: DirectoryRow, projectId: ProjectId): DirectoryEntry {
  const { slug, name, state, reason, maintenanceMode, fhirVersion, purgeAfter, baseUrls, dataKeyWrapped } = row;
  return {
    projectId,
    slug,
    name,
    state,
    reason,
    maintenanceMode,
    fhirVersion,
    purgeAfter,
    baseUrls,
    dataKeyWrapped,
    placement: toPlacement(row),
    signingKeys: row.signingKeys.map((key) => ({ ...key, privateSealed: Buffer.from(key.privateSealed, 'base64') })),
  };
}

/** A placement whose data key was shredded leads nowhere, so it counts as none. */
function toPlacement(row: DirectoryRow): DirectoryPlacement | null {
  const { generation, passwordKeyWrapped } = row;
  if (generation === null || passwordKeyWrapped === null) return null;
  const {
    clusterId,
    host,
    port,
    sslMode,
    sslCa,
    tenantDatabaseId,
    databaseName,
    roleName,
    schemaVersion,
    passwordSealed,
  } = row;
  return {
    generation,
    clusterId,
    host,
    port,
    sslMode,
    sslCa,
    tenantDatabaseId,
    databaseName,
    roleName,
    schemaVersion,
    passwordSealed,
    passwordKeyWrapped,
  };
}
