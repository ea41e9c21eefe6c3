import { forbidden, gone, notFound, OutcomeError } from '#fhir';
import { isQuick, toCountSql, toSql, type SearchPlan, type SearchRequest } from '#fhir-search';
import type { Interaction } from '#access-policy';
import type { Connection } from '#postgres';
import { auditKeyOf } from '../audit/audit-id.js';
import { auditEventHistory, findAuditEvents } from '../audit/find-audit-events.js';
import { isAuditSearch, searchAudit } from '../audit/search-audit.js';
import type { StoredEvents } from '../audit/stored-events.js';
import { findDefinition } from '../definitions/built-in-definitions.js';
import { isDefinitionSearch, searchDefinitions } from '../definitions/search-definitions.js';
import { assertContextReadable, withReadableContext } from '../rights/guarded-binaries.js';
import { historySieve } from '../history/history-sieve.js';
import type { HistoryRequest } from '../history/history-request.js';
import { readHistory, type HistoryResult } from '../history/read-history.js';
import { isGrantedUnseen, judgeStored } from '../rights/judge-stored.js';
import type { ReadingScope } from './reading-scope.js';
import { assertGranted, grantedTypes, type Context } from '../rights/rights.js';
import {
  answerSearch,
  findBehind,
  isOneStatement,
  planRequest,
  presentedIncludes,
  type SearchResult,
} from '../search/search.js';
import { findIncluded } from '../search/included.js';
import { assertSearchGranted, searchableRequest } from '../search/search-rights.js';
import { shownBy, withoutFields } from '../rights/shown-fields.js';
import { findIds, findMany, findVersion, type Identity } from '../sql/read.sql.js';
import { isFhirId, isVersionId, type StoredVersion } from '../stored-version.js';

/** What changes nothing: the same inside a transaction Bundle and outside. ResourceRepository says what each promises. */
export class Readings {
  constructor(
    private readonly context: Context,
    private readonly scope: ReadingScope,
  ) {}

  async read(type: string, id: string): Promise<StoredVersion> {
    const { tenant, caller } = this.context;
    // Everybody may know what the types are; a resource of the project with that id goes before, if it may be seen.
    const definition = findDefinition(tenant.version, type, id);
    if (definition === undefined) assertGranted(this.context, 'read', type);
    if (!isFhirId(id)) throw notFound();
    const stored = await this.findStored(type, id);
    if (definition === undefined) return present(this.context, stored, await this.letIn('read', stored));
    const isOwn = stored !== undefined && !stored.deleted && caller.policy.grants('read', type);
    return (isOwn ? shownBy(this.context, 'read', stored) : undefined) ?? definition;
  }

  async readVersion(type: string, id: string, versionId: string): Promise<StoredVersion> {
    assertGranted(this.context, 'vread', type);
    if (!isFhirId(id) || !isVersionId(versionId)) throw notFound();
    const version = await this.findStoredVersion(type, id, versionId);
    if (isGrantedUnseen(this.context, 'vread', type)) return present(this.context, version);
    // The current version, which decides, is looked for second: so it is never older than the one that is shown.
    const hidden = await this.letIn('vread', await this.findStored(type, id));
    if (version !== undefined) await assertContextReadable(this.context, this.scope, version);
    return present(this.context, version, hidden);
  }

  async readMany(identities: readonly Identity[]): Promise<Map<string, StoredVersion>> {
    const each = await this.readEach(identities);
    return new Map([...each].flatMap(([key, found]) => (found instanceof OutcomeError ? [] : [[key, found] as const])));
  }

  async readEach(identities: readonly Identity[]): Promise<Map<string, StoredVersion | OutcomeError>> {
    const { tenant, caller } = this.context;
    const granted = identities.filter(
      ({ type, id }) => isFhirId(id) && tenant.version.isResourceType(type) && caller.policy.grants('read', type),
    );
    const [stored, events] = await Promise.all([
      this.scope.lookUp((connection) => findMany(connection, this.scope.epoch, granted)),
      findAuditEvents(this.context, this.scope, granted),
    ]);
    const there = new Map([...stored, ...events]);
    // Asked of the stored text, before anything is taken out of it.
    const readable = await withReadableContext(this.context, this.scope, [...there.values()]);
    const seen = readable.flatMap((found) => shownBy(this.context, 'read', found) ?? []);
    const shown = new Map(seen.map((version) => [`${version.type}/${version.id}`, version]));
    return new Map(
      identities.map(({ type, id }) => {
        const key = `${type}/${id}`;
        const found = shown.get(key) ?? findDefinition(tenant.version, type, id);
        const isRefused =
          there.has(key) || (tenant.version.isResourceType(type) && !caller.policy.grants('read', type));
        return [key, found ?? (isRefused ? forbidden() : notFound())];
      }),
    );
  }

  async history(request: HistoryRequest): Promise<HistoryResult> {
    const { context, scope } = this;
    const { type, id } = request;
    const types = type === undefined ? grantedTypes(context, 'history') : [type];
    if (type !== undefined) assertGranted(context, 'history', type);
    if (id !== undefined && !isFhirId(id)) throw notFound();
    if (type !== undefined && id !== undefined && auditKeyOf(type, id) !== undefined) {
      const event = await this.findStored(type, id);
      return auditEventHistory(present(context, event, await this.letIn('history', event)), request);
    }
    const sieve = types.every((name) => isGrantedUnseen(context, 'history', name)) ? undefined : historySieve(context);
    const read = (connection: Connection) =>
      readHistory(context.tenant, { connection, epoch: scope.epoch }, request, types, sieve);
    if (type === undefined || id === undefined || sieve === undefined) return scope.run(read);
    const result = await scope.run(read);
    const hidden = await this.letIn('history', await this.findStored(type, id));
    return { ...result, versions: result.versions.map((version) => withoutFields(context, version, hidden)) };
  }

  async search(request: SearchRequest): Promise<SearchResult> {
    const { tenant, caller } = this.context;
    if (isAuditSearch(request)) {
      const { context, scope } = this;
      // What a plan would be refused for, the audit must not answer either.
      this.plan(request);
      return searchAudit({ context, scope, stored: this.storedEvents() }, request);
    }
    if (!isDefinitionSearch(request)) return this.searchStored(request);
    const isGranted = caller.policy.grants('search', request.type);
    return searchDefinitions(tenant, request, {
      search: async (part) => (isGranted ? this.searchStored(part) : nothingFound(part)),
      idsAmong: (type, ids) => (isGranted ? this.visibleIds(type, ids) : Promise.resolve(new Set())),
    });
  }

  /** Throws what is wrong with a search, and whether the caller may ask it, as far as that can be told without asking. */
  checkSearch(request: SearchRequest): void {
    const plan = this.plan(request);
    // Not everything that can be planned fits into a statement.
    if (plan.count === 0) toCountSql(plan);
    else toSql(plan);
  }

  private plan(request: SearchRequest): SearchPlan {
    assertSearchGranted(this.context, request);
    return planRequest(this.context, searchableRequest(request));
  }

  private storedEvents(): StoredEvents {
    const { context, scope } = this;
    const { epoch } = scope;
    return {
      count: async (request) => {
        const { total } = await this.searchStored({ ...firstPage(request), count: 0, total: 'accurate' });
        return total ?? 0;
      },
      page: async (request, after) => {
        const { hits, next } = await scope.run((connection) =>
          findBehind(context, { connection, epoch }, request, after),
        );
        return { events: hits, next };
      },
      included: async (request, events) => {
        if (request.includes.length === 0 || events.length === 0) return [];
        const rows = events.map(({ row }) => row);
        const included = await scope.snapshot((connection) =>
          findIncluded(context, { connection, epoch }, request, rows),
        );
        return presentedIncludes(context, request, included);
      },
    };
  }

  /** Which of these ids resources of the project have that the caller may search. */
  private async visibleIds(type: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
    const { context, scope } = this;
    if (context.caller.policy.grantsFully('search', type)) {
      return scope.lookUp((connection) => findIds(connection, scope.epoch, type, ids));
    }
    const identities = ids.map((id) => ({ type, id }));
    const stored = await scope.lookUp((connection) => findMany(connection, scope.epoch, identities));
    const visible = [...stored.values()].filter((version) => shownBy(context, 'search', version) !== undefined);
    return new Set(visible.map(({ id }) => id));
  }

  /**
   * The fields that stay hidden by the rule that lets the caller in: the first that grants `interaction` on the current
   * version, or on the last content of a deleted resource. Throws 404 when there never was such a resource, and 403 when
   * no rule grants it or its security context cannot be read.
   */
  private async letIn(interaction: Interaction, current: StoredVersion | undefined): Promise<readonly string[]> {
    if (current === undefined) throw notFound();
    if (isGrantedUnseen(this.context, interaction, current.type)) return [];
    return (await judgeStored(this.context, this.scope, interaction, current))?.grant.hiddenFields ?? [];
  }

  /** The current version, one of the server's own audit too; undefined when there never was such a resource. */
  private findStored(type: string, id: string): Promise<StoredVersion | undefined> {
    if (auditKeyOf(type, id) !== undefined) return this.findAuditEvent(type, id);
    return this.scope.current({ type, id });
  }

  private async findStoredVersion(type: string, id: string, versionId: string): Promise<StoredVersion | undefined> {
    if (auditKeyOf(type, id) === undefined) {
      return this.scope.lookUp((connection) => findVersion(connection, this.scope.epoch, type, id, versionId));
    }
    const event = await this.findAuditEvent(type, id);
    return event?.versionId === versionId ? event : undefined;
  }

  private async findAuditEvent(type: string, id: string): Promise<StoredVersion | undefined> {
    return (await findAuditEvents(this.context, this.scope, [{ type, id }])).get(`${type}/${id}`);
  }

  private async searchStored(request: SearchRequest): Promise<SearchResult> {
    const { context, scope } = this;
    assertSearchGranted(context, request);
    const plan = planRequest(context, searchableRequest(request));
    const search = (connection: Connection) => answerSearch(context, { connection, epoch: scope.epoch }, request, plan);
    if (!isOneStatement(request)) return scope.snapshot(search);
    return isQuick(plan) ? scope.lookUp(search) : scope.run(search);
  }
}

/** The version without what is hidden. Throws 404 when there is none and 410 for a deletion. */
function present(context: Context, version: StoredVersion | undefined, hidden: readonly string[] = []): StoredVersion {
  if (version === undefined) throw notFound();
  if (version.deleted) throw gone();
  return withoutFields(context, version, hidden);
}

function firstPage(request: SearchRequest): SearchRequest {
  const { cursor: _cursor, offset: _offset, ...rest } = request;
  return rest;
}

const nothingFound = ({ total }: SearchRequest): SearchResult => ({
  hits: [],
  included: [],
  ...(total === 'none' ? {} : { total: 0 }),
});
