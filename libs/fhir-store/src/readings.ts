import { gone, notFound } from '#fhir';
import { isQuick, type SearchRequest } from '#fhir-search';
import type { Connection } from '#postgres';
import { findDefinition } from './definitions/built-in-definitions.js';
import { isDefinitionSearch, searchDefinitions } from './definitions/search-definitions.js';
import type { HistoryRequest } from './history/history-request.js';
import { readHistory, type HistoryResult } from './history/read-history.js';
import { assertGranted, grantedTypes, type Context } from './rights.js';
import { answerSearch, isOneStatement, planRequest, type SearchResult } from './search.js';
import { assertSearchGranted } from './search/search-rights.js';
import { findCurrent, findIds, findMany, findVersion, type Identity } from './sql/read.sql.js';
import { isFhirId, isVersionId, type StoredVersion } from './stored-version.js';

/** Where readings get a connection from. */
export interface ReadingScope {
  readonly epoch: string | undefined;
  /** For one statement that the server answers at once: it finds few rows by an index. */
  lookUp<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** For one statement, or several of which each stands for itself. */
  run<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** For several statements that must see the same. */
  snapshot<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
}

/** What changes nothing: the same inside a transaction Bundle and outside. ResourceRepository says what each promises. */
export class Readings {
  constructor(
    private readonly context: Context,
    private readonly scope: ReadingScope,
  ) {}

  async read(type: string, id: string): Promise<StoredVersion> {
    const { tenant, caller } = this.context;
    // Everybody may know what the types are; the project's own resource of that id goes before.
    const definition = findDefinition(tenant.version, type, id);
    if (definition === undefined) assertGranted(this.context, 'read', type);
    if (!isFhirId(id)) throw notFound();
    const stored = await this.scope.lookUp((connection) => findCurrent(connection, this.scope.epoch, type, id));
    if (definition === undefined) return visible(stored);
    return stored !== undefined && !stored.deleted && caller.policy.grants('read', type) ? stored : definition;
  }

  async readVersion(type: string, id: string, versionId: string): Promise<StoredVersion> {
    assertGranted(this.context, 'vread', type);
    if (!isFhirId(id) || !isVersionId(versionId)) throw notFound();
    return visible(
      await this.scope.lookUp((connection) => findVersion(connection, this.scope.epoch, type, id, versionId)),
    );
  }

  async readMany(identities: readonly Identity[]): Promise<Map<string, StoredVersion>> {
    const { tenant, caller } = this.context;
    const visible = identities.filter(
      ({ type, id }) => isFhirId(id) && tenant.version.isResourceType(type) && caller.policy.grants('read', type),
    );
    const found = await this.scope.lookUp((connection) => findMany(connection, this.scope.epoch, visible));
    for (const { type, id } of identities) {
      const definition = found.has(`${type}/${id}`) ? undefined : findDefinition(tenant.version, type, id);
      if (definition !== undefined) found.set(`${type}/${id}`, definition);
    }
    return found;
  }

  async history(request: HistoryRequest): Promise<HistoryResult> {
    const { tenant } = this.context;
    const types = request.type === undefined ? grantedTypes(this.context, 'history') : [request.type];
    if (request.type !== undefined) assertGranted(this.context, 'history', request.type);
    if (request.id !== undefined && !isFhirId(request.id)) throw notFound();
    return this.scope.run((connection) => readHistory(tenant, { connection, epoch: this.scope.epoch }, request, types));
  }

  async search(request: SearchRequest): Promise<SearchResult> {
    if (!isDefinitionSearch(request)) return this.searchStored(request);
    const { tenant, caller } = this.context;
    const isGranted = caller.policy.grants('search', request.type);
    return searchDefinitions(tenant, request, {
      search: async (part) => (isGranted ? this.searchStored(part) : nothingFound(part)),
      idsAmong: async (type, ids) => {
        const visible = isGranted ? ids : [];
        return this.scope.lookUp((connection) => findIds(connection, this.scope.epoch, type, visible));
      },
    });
  }

  private async searchStored(request: SearchRequest): Promise<SearchResult> {
    const { context, scope } = this;
    assertSearchGranted(context, request);
    const plan = planRequest(context, request);
    const search = (connection: Connection) => answerSearch(context, { connection, epoch: scope.epoch }, request, plan);
    if (!isOneStatement(request)) return scope.snapshot(search);
    return isQuick(plan) ? scope.lookUp(search) : scope.run(search);
  }
}

function visible(version: StoredVersion | undefined): StoredVersion {
  if (version === undefined) throw notFound();
  if (version.deleted) throw gone();
  return version;
}

const nothingFound = ({ total }: SearchRequest): SearchResult => ({
  hits: [],
  included: [],
  ...(total === 'none' ? {} : { total: 0 }),
});
