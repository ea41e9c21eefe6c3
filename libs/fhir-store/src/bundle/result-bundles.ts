import { gone, operationOutcome } from '#fhir';
import type { SearchRequest } from '#fhir-search';
import type { HistoryPage } from '../history-page.js';
import type { SearchResult } from '../search.js';
import type { StoredVersion } from '../stored-version.js';
import { bundleText, eTag, shownBody, type Presentation } from './presentation.js';

/**
 * The text of the searchset Bundle that answers `request` (https://hl7.org/fhir/R4/bundle.html#searchset). Its links are
 * absolute; the next one works by its query string alone.
 */
export function searchsetBundle(request: SearchRequest, result: SearchResult, presentation: Presentation): string {
  const address = `${presentation.baseUrl}${request.type}`;
  const links = [link('self', address, request.applied)];
  if (result.next !== undefined) {
    const kept = request.applied.filter(([name]) => name !== '_cursor' && name !== '_offset');
    links.push(link('next', address, [...kept, ['_cursor', result.next]]));
  }
  const total = result.total === undefined ? '' : `,"total":${result.total}`;
  const entries = result.hits.map(
    (hit) =>
      `{"fullUrl":${fullUrl(hit, presentation)},"resource":${shownBody(hit, presentation)},"search":{"mode":"match"}}`,
  );
  return bundleText('searchset', `${total},"link":[${links.join(',')}]`, entries);
}

/** The text of the history Bundle of one resource, newest version first (https://hl7.org/fhir/R4/http.html#history). */
export function historyBundle(
  { type, id }: { readonly type: string; readonly id: string },
  page: HistoryPage,
  history: { readonly total: number; readonly versions: readonly StoredVersion[] },
  presentation: Presentation,
): string {
  const address = `${presentation.baseUrl}${type}/${id}/_history`;
  const pageLink = (relation: string, offset: number) =>
    link(relation, address, [
      ['_count', String(page.count)],
      ['_offset', String(offset)],
    ]);
  const following = page.offset + history.versions.length;
  const links = [pageLink('self', page.offset)];
  if (history.versions.length > 0 && following < history.total) links.push(pageLink('next', following));
  const entries = history.versions.map((version, position) =>
    historyEntry(version, page.offset + position === history.total - 1, presentation),
  );
  return bundleText('history', `,"total":${history.total},"link":[${links.join(',')}]`, entries);
}

const goneOutcome = JSON.stringify(operationOutcome(gone().outcomeId, gone().issues));

function historyEntry(version: StoredVersion, isFirst: boolean, presentation: Presentation): string {
  const method = version.deleted ? 'DELETE' : isFirst ? 'POST' : 'PUT';
  const status = version.deleted ? 410 : isFirst ? 201 : 200;
  const url = isFirst ? version.type : `${version.type}/${version.id}`;
  const outcome = version.deleted ? `,"outcome":${goneOutcome}` : '';
  const resource = version.deleted ? '' : `,"resource":${shownBody(version, presentation)}`;
  return (
    `{"fullUrl":${fullUrl(version, presentation)}${resource},"request":{"method":"${method}","url":"${url}"},` +
    `"response":{"status":"${status}","etag":${JSON.stringify(eTag(version))},"lastModified":"${version.lastUpdated}"${outcome}}}`
  );
}

const fullUrl = (version: StoredVersion, { baseUrl }: Presentation): string =>
  JSON.stringify(`${baseUrl}${version.type}/${version.id}`);

function link(relation: string, address: string, query: readonly (readonly [string, string])[]): string {
  const text = new URLSearchParams(query as [string, string][]).toString();
  return JSON.stringify({ relation, url: text === '' ? address : `${address}?${text}` });
}
