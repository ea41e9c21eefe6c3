import { gone, operationOutcome } from '#fhir';
import { bundleText, eTag, link, shownBody, type Presentation } from '../bundle/presentation.js';
import type { HistoryRequest } from './history-request.js';
import type { HistoryVersion } from './history.sql.js';
import type { HistoryResult } from './read-history.js';

/**
 * The text of the history Bundle that answers `request` (https://hl7.org/fhir/R4/http.html#history). Its links are
 * absolute; the next one works by its query string alone. A deletion has no resource.
 */
export function historyBundle(request: HistoryRequest, result: HistoryResult, presentation: Presentation): string {
  const address = presentation.baseUrl + [request.type, request.id, '_history'].filter(isText).join('/');
  const links = [link('self', address, request.applied)];
  if (result.next !== undefined) {
    const kept = request.applied.filter(([name]) => name !== '_cursor' && name !== '_offset');
    links.push(link('next', address, [...kept, ['_cursor', result.next]]));
  }
  const total = result.total === undefined ? '' : `,"total":${result.total}`;
  const entries = result.versions.map((version) => historyEntry(version, presentation));
  return bundleText('history', `${total},"link":[${links.join(',')}]`, entries);
}

const goneOutcome = JSON.stringify(operationOutcome(gone().outcomeId, gone().issues));

/**
 * A resource's row carries the number of its first version. That one is told as a create, also when a PUT made it: how it
 * was made is not kept. A deletion is told as what a read of it is answered, 410 with that outcome: clients show it where
 * they have no resource to show.
 */
function historyEntry(version: HistoryVersion, presentation: Presentation): string {
  const isFirst = version.versionId === version.rowId;
  const method = version.deleted ? 'DELETE' : isFirst ? 'POST' : 'PUT';
  const status = version.deleted ? 410 : isFirst ? 201 : 200;
  const url = isFirst ? version.type : `${version.type}/${version.id}`;
  const outcome = version.deleted ? `,"outcome":${goneOutcome}` : '';
  const resource = version.deleted ? '' : `,"resource":${shownBody(version, presentation)}`;
  const fullUrl = JSON.stringify(`${presentation.baseUrl}${version.type}/${version.id}`);
  return (
    `{"fullUrl":${fullUrl}${resource},"request":{"method":"${method}","url":"${url}"},` +
    `"response":{"status":"${status}","etag":${JSON.stringify(eTag(version))},"lastModified":"${version.lastUpdated}"${outcome}}}`
  );
}

const isText = (part: string | undefined): part is string => part !== undefined;
