import type { SearchRequest } from '#fhir-search';
import type { SearchResult } from '../search/search.js';
import type { StoredVersion } from '../stored-version.js';
import { bundleText, link, shownBody, type Presentation } from './presentation.js';

/**
 * The text of the searchset Bundle that answers `request` (https://hl7.org/fhir/R4/bundle.html#searchset). Its links are
 * absolute and show what had an effect; the next page's works by its query string alone.
 */
export function searchsetBundle(request: SearchRequest, result: SearchResult, presentation: Presentation): string {
  const address = presentation.baseUrl + request.path;
  const total = result.total === undefined ? '' : `,"total":${result.total}`;
  const entries = [
    ...result.hits.map((hit) => entry(hit, 'match', presentation)),
    ...result.included.map((resource) => entry(resource, 'include', presentation)),
  ];
  return bundleText('searchset', `${total},"link":[${pageLinks(address, request, result).join(',')}]`, entries);
}

function pageLinks(address: string, request: SearchRequest, result: SearchResult): string[] {
  const links = [link('self', address, request.applied)];
  const whole = request.applied.filter(([name]) => name !== '_cursor' && name !== '_offset');
  const offset = request.offset ?? 0;
  if (whole.length < request.applied.length) links.push(link('first', address, whole));
  if (offset > 0 && request.count > 0) {
    const before = Math.max(0, offset - request.count);
    links.push(link('previous', address, before === 0 ? whole : [...whole, ['_offset', String(before)]]));
  }
  if (result.next !== undefined) links.push(link('next', address, [...whole, ['_cursor', result.next]]));
  return links;
}

const entry = (resource: StoredVersion, mode: 'match' | 'include', presentation: Presentation): string =>
  `{"fullUrl":${fullUrl(resource, presentation)},"resource":${shownBody(resource, presentation)},"search":{"mode":"${mode}"}}`;

const fullUrl = (version: StoredVersion, { baseUrl }: Presentation): string =>
  JSON.stringify(`${baseUrl}${version.type}/${version.id}`);
