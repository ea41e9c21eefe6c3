import type { FhirVersion } from '#fhir';
import type { TokenHasher } from '#fhir-search';
import type { Connection } from '#postgres';

/** The one database that holds a project's resources, with what is needed to read and write them. */
export interface TenantDatabase {
  readonly projectId: string;
  readonly version: FhirVersion;
  readonly hasher: TokenHasher;
  readonly cursorKey: Buffer;
  /**
   * The schema that the database has, or an earlier one: what may be asked of it (see schema-features.ts). It may change
   * while a tenant is in service.
   */
  readonly schemaVersion: number;
  /** Base URLs of the project's own FHIR API, each with a slash at its end: references below them are local ones. */
  readonly ownBaseUrls?: readonly string[];
  /** Runs `work` on a connection to this database and gives the connection back when `work` has settled. */
  use<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /**
   * The same for work that sends one statement which is answered at once: others may be using the connection too.
   */
  share<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
}

const made = new WeakSet<object>();

/**
 * Makes the tenant database that everything in this lib asks for. Only the owner of the connections (the tenant
 * directory of the data plane, the worker) calls it; a look-alike object is refused at run time, so that no request can
 * reach SQL without having been routed to a tenant.
 */
export function tenantDatabase(
  definition: Omit<TenantDatabase, 'share'> & Partial<Pick<TenantDatabase, 'share'>>,
): TenantDatabase {
  const use = definition.use.bind(definition);
  const share = definition.share?.bind(definition) ?? use;
  const tenant = Object.freeze({
    ...definition,
    use,
    share,
    get schemaVersion(): number {
      return definition.schemaVersion;
    },
  });
  made.add(tenant);
  return tenant;
}

/** Throws unless `tenant` came from `tenantDatabase`. */
export function assertTenantDatabase(tenant: TenantDatabase | undefined): asserts tenant is TenantDatabase {
  if (tenant === undefined || tenant === null || !made.has(tenant)) {
    throw new Error(
      'There is no tenant in context: resources can be reached only through a tenant database that tenantDatabase() made.',
    );
  }
}
