import type { HistoryRequest } from '../history/history-request.js';
import type { HistoryResult } from '../history/read-history.js';
import type { ReadingScope } from '../reading/reading-scope.js';
import type { Context } from '../rights/rights.js';
import type { Identity } from '../sql/read.sql.js';
import type { StoredVersion } from '../stored-version.js';
import { auditEventVersion, eventsOf, seesSome } from './audit-event.js';
import { auditEventId, auditKeyOf } from './audit-id.js';
import { findAuditRowsByKey } from './audit-rows.sql.js';
import { seenEvent } from './seen-event.js';

/**
 * The events of the server's own audit among `identities`, keyed by `Type/id`, as the store gives out what it has stored.
 * No statement is sent when none of the ids is one of the audit's. Rights are for the caller to judge. Throws StaleRights.
 */
export async function findAuditEvents(
  context: Context,
  scope: ReadingScope,
  identities: readonly Identity[],
): Promise<Map<string, StoredVersion>> {
  const { tenant, caller } = context;
  const keys = identities.flatMap(({ type, id }) => auditKeyOf(type, id) ?? []);
  if (keys.length === 0) return new Map();
  const rows = await scope.lookUp((connection) => findAuditRowsByKey(connection, scope.epoch, keys));
  const asked = new Set(identities.map(({ type, id }) => `${type}/${id}`));
  const versions = rows
    .flatMap(eventsOf)
    .filter(({ row: { writer, id }, part }) => asked.has(`AuditEvent/${auditEventId({ writer, id, part })}`))
    .map((event) =>
      auditEventVersion(tenant.version, tenant.projectId, seenEvent(context, event), seesSome(caller, 'read')),
    );
  return new Map(versions.map((version) => [`${version.type}/${version.id}`, version]));
}

/** The history of an event of the audit (https://hl7.org/fhir/R4/http.html#history): it never changes. */
export function auditEventHistory(event: StoredVersion, { count, offset, since, at }: HistoryRequest): HistoryResult {
  const { lastUpdated, versionId: rowId } = event;
  const isMeant = (since === undefined || lastUpdated >= since) && (at === undefined || lastUpdated <= at.end);
  return { total: isMeant ? 1 : 0, versions: isMeant && count > 0 && offset === 0 ? [{ ...event, rowId }] : [] };
}
