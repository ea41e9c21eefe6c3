/**
 * Searches of a type of which there are built-in resources. One search walks over two rows of resources: the built-in
 * ones that match come first, then the project's own. A project's resource hides the built-in one with its id. The page,
 * the total and the cursor are those of both together; `_sort` orders each of the two.
 */
import type { DefinitionResource, DefinitionType } from '#fhir';
import { decodeCursor, encodeCursor, maxPageBytes, showParts, type SearchRequest } from '#fhir-search';
import type { SearchResult } from '../search/search.js';
import type { StoredVersion } from '../stored-version.js';
import type { TenantDatabase } from '../tenant-database.js';
import { isDefinitionType, matchingDefinitions, versionOfDefinition } from './built-in-definitions.js';

/** What the search needs of the store, with the caller's rights. */
export interface OwnResources {
  /** Searches the project's own resources. */
  search(request: SearchRequest): Promise<SearchResult>;
  /** Which of these ids the project's own resources of the type have. Called once for each search. */
  idsAmong(type: DefinitionType, ids: readonly string[]): Promise<ReadonlySet<string>>;
}

/** Whether the request is answered by `searchDefinitions`: it searches one type, of which there are built-in resources. */
export const isDefinitionSearch = (request: SearchRequest): boolean =>
  isDefinitionType(request.type) && request.furtherTypes.length === 0 && !request.everyType;

/** The cursor inside the built-in resources is the id of the last one shown, behind a mark that no row number has. */
const cursorMark = 'definition:';

/** Answers a request for which `isDefinitionSearch` holds. Throws what `own.search` throws, and `too-costly`. */
export async function searchDefinitions(
  tenant: TenantDatabase,
  request: SearchRequest,
  own: OwnResources,
): Promise<SearchResult> {
  const { version } = tenant;
  const type = request.type as DefinitionType;
  const candidates = await matchingDefinitions(version, type, request.criteria, request.sort);
  const hidden = await own.idsAmong(
    type,
    candidates.map(({ id }) => id),
  );
  const matches = candidates.filter(({ id }) => !hidden.has(id));
  const start = startOf(tenant, request, candidates, hidden);
  if (start === 'behind') return withMore(await own.search(request), matches.length);

  const hits = unpacked(matches.slice(start, start + request.count)).map((found) => shown(tenant, request, found));
  const page = matches.slice(start, start + hits.length);
  const last = page.at(-1);
  const next = (): string => encodeCursor(tenant.cursorKey, request, { id: cursorMark + (last?.id ?? ''), values: [] });
  if (start + hits.length < matches.length && request.count > 0) {
    const { total } = request.total === 'none' ? {} : await own.search(ownPart(request, { count: 0 }));
    return withMore({ hits, included: [], next: next(), ...(total === undefined ? {} : { total }) }, matches.length);
  }

  const room = request.count - hits.length;
  const offset = Math.max(0, (request.offset ?? 0) - matches.length);
  // A page that is full still has to know whether another one follows.
  const rest = await own.search(ownPart(request, { count: request.count === 0 ? 0 : Math.max(room, 1), offset }));
  if (room > 0 || request.count === 0) return withMore({ ...rest, hits: [...hits, ...rest.hits] }, matches.length);
  const { total } = rest;
  const found = { hits, included: [], ...(total === undefined ? {} : { total }) };
  return withMore(rest.hits.length > 0 ? { ...found, next: next() } : found, matches.length);
}

/** The first of the definitions: as many as go onto a page. Their texts are unpacked for this answer alone. */
function unpacked(definitions: readonly DefinitionResource[]): StoredVersion[] {
  const found: StoredVersion[] = [];
  let length = 0;
  for (const definition of definitions) {
    const version = versionOfDefinition(definition);
    length += version.body.length;
    if (length > maxPageBytes) break;
    found.push(version);
  }
  return found;
}

/** How many of the matches come before the page; `behind` when the cursor stands among the project's own resources. */
function startOf(
  tenant: TenantDatabase,
  request: SearchRequest,
  candidates: readonly DefinitionResource[],
  hidden: ReadonlySet<string>,
): number | 'behind' {
  const after = decodeCursor(tenant.cursorKey, request);
  if (after === undefined) return request.offset ?? 0;
  if (!after.id.startsWith(cursorMark)) return 'behind';
  const last = after.id.slice(cursorMark.length);
  const shownBefore = candidates.slice(0, candidates.findIndex(({ id }) => id === last) + 1);
  return shownBefore.filter(({ id }) => !hidden.has(id)).length;
}

function ownPart(request: SearchRequest, window: { count: number; offset?: number }): SearchRequest {
  const { cursor: _cursor, offset: _offset, ...rest } = request;
  const offset = window.offset === undefined || window.offset === 0 ? {} : { offset: window.offset };
  return { ...rest, count: window.count, ...offset, ...(window.count === 0 ? { total: 'accurate' as const } : {}) };
}

const withMore = (result: SearchResult, more: number): SearchResult =>
  result.total === undefined ? result : { ...result, total: result.total + more };

function shown({ version }: TenantDatabase, { shown: parts }: SearchRequest, found: StoredVersion): StoredVersion {
  return parts.kind === 'all' ? found : { ...found, body: showParts(version, found.type, found.body, parts) };
}
