import { gone, notFound } from '#fhir';
import type { SearchRequest } from '#fhir-search';
import type { Connection } from '#postgres';
import { assertGranted, type Context } from './rights.js';
import { runSearch, type SearchResult } from './search.js';
import { findCurrent, findHistory, findVersion } from './sql/read.sql.js';
import { isFhirId, isVersionId, type StoredVersion } from './stored-version.js';

/** Where readings get a connection from. */
export interface ReadingScope {
  readonly epoch: string | undefined;
  /** For one statement that finds its rows by identity. */
  lookUp<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** For one statement. */
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
    assertGranted(this.context, 'read', type);
    if (!isFhirId(id)) throw notFound();
    return visible(await this.scope.lookUp((connection) => findCurrent(connection, this.scope.epoch, type, id)));
  }

  async readVersion(type: string, id: string, versionId: string): Promise<StoredVersion> {
    assertGranted(this.context, 'vread', type);
    if (!isFhirId(id) || !isVersionId(versionId)) throw notFound();
    return visible(
      await this.scope.lookUp((connection) => findVersion(connection, this.scope.epoch, type, id, versionId)),
    );
  }

  async history(
    type: string,
    id: string,
    page: { count: number; offset: number },
  ): Promise<{ total: number; versions: StoredVersion[] }> {
    assertGranted(this.context, 'history', type);
    if (!isFhirId(id)) throw notFound();
    const history = await this.scope.run((connection) => findHistory(connection, this.scope.epoch, type, id, page));
    if (history === undefined) throw notFound();
    return history;
  }

  async search(request: SearchRequest): Promise<SearchResult> {
    assertGranted(this.context, 'search', request.type);
    const { tenant } = this.context;
    const search = (connection: Connection) => runSearch(tenant, { connection, epoch: this.scope.epoch }, request);
    const isOneStatement = request.total === 'none' || request.count === 0;
    return isOneStatement ? this.scope.run(search) : this.scope.snapshot(search);
  }
}

function visible(version: StoredVersion | undefined): StoredVersion {
  if (version === undefined) throw notFound();
  if (version.deleted) throw gone();
  return version;
}
