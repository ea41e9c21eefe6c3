import { compiledSql, sql, type Connection } from '#postgres';
import { plainArray, textArray } from '../sql/array-literal.js';
import type { AuditOrigin } from './audit-origin.js';

/** One line of a project's audit, as AuditEvent codes it (https://hl7.org/fhir/R4/auditevent.html). */
export interface AuditEntry extends AuditOrigin {
  /** Create, read (search and history too), update, delete, execute (log-in and other operations). */
  readonly action: 'C' | 'R' | 'U' | 'D' | 'E';
  readonly outcome: keyof typeof outcomeCodes;
  /** What: `Patient/1/_history/2`, or a search with its query, of which the beginning is kept. */
  readonly entity: string;
  /** Whose data it was, as `subjectsOf` tells it. */
  readonly subjects?: string;
  readonly detail?: string;
  /** When, in milliseconds since 1970; the moment of writing when absent. */
  at?: number;
}

const outcomeCodes = { success: 0, refused: 4, failed: 8 } as const;

const insertText = `
INSERT INTO audit_event (recorded, action, outcome, agent, membership, on_behalf_of, policy, entity, subjects, detail, request_id)
SELECT coalesce(to_timestamp(a.at / 1000.0), clock_timestamp()), a.action::"char", a.outcome, a.agent, nullif(a.membership, ''),
       nullif(a.on_behalf_of, ''), nullif(a.policy, ''), a.entity, nullif(a.subjects, ''), nullif(a.detail, ''), a.request_id
FROM unnest($1::float8[], $2::text[], $3::int2[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::text[], $11::text[])
  WITH ORDINALITY AS a (at, action, outcome, agent, membership, on_behalf_of, policy, entity, subjects, detail, request_id, position)
ORDER BY a.position`;

/** Appends entries to the audit, in order, in one statement. */
export async function recordAudit(connection: Connection, entries: readonly AuditEntry[]): Promise<void> {
  const texts = (part: (entry: AuditEntry) => string) => textArray(entries.map((entry) => storable(part(entry))));
  await connection.query(
    compiledSql({
      name: 'store_audit',
      text: insertText,
      values: [
        plainArray(entries.map((entry) => entry.at ?? null)),
        texts((entry) => entry.action),
        plainArray(entries.map((entry) => outcomeCodes[entry.outcome])),
        texts((entry) => entry.agent),
        texts((entry) => entry.membership ?? ''),
        texts((entry) => entry.onBehalfOf ?? ''),
        texts((entry) => entry.policy ?? ''),
        texts((entry) => shortened(entry.entity)),
        texts((entry) => entry.subjects ?? ''),
        texts((entry) => entry.detail ?? ''),
        texts((entry) => entry.requestId),
      ],
    }),
  );
}

/** A query may be as long as a request; the audit is kept for years, and says what was asked in this many characters. */
const maxEntityLength = 2000;

/** The text, or its beginning with an ellipsis. */
export const shortened = (text: string): string =>
  text.length <= maxEntityLength ? text : `${text.slice(0, maxEntityLength - 1).toWellFormed()}…`;

/** PostgreSQL keeps no NUL; a query string that a client made up may hold one. */
const storable = (text: string): string => (text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text);

/**
 * Seals the audit rows of all finished transactions: their hash is chained to that of the seal before, so that a row
 * that is changed, removed or slipped in later is found. Returns how many rows were sealed. Safe to call at any time, by
 * several processes; one that finds another at work leaves it to that one.
 */
export async function sealAudit(connection: Connection): Promise<number> {
  const [row] = await connection.query<{ sealed: string }>(sql`SELECT seal_audit() AS sealed`);
  return Number(row?.sealed ?? 0);
}

/** The number of the first seal that its rows or the seal before it contradict; undefined when the audit is whole. */
export async function findBrokenSeal(connection: Connection): Promise<string | undefined> {
  const [row] = await connection.query<{ broken: string | null }>(sql`SELECT verify_audit() AS broken`);
  return row?.broken ?? undefined;
}
