/** Reading the audit. Like every reading, each statement starts from the security epoch. */
import { compiledSql, type Connection } from '#postgres';
import { assertEpoch } from '../caller.js';
import { instant } from '../stored-version.js';
import type { AuditRow } from './audit-event.js';
import type { AuditKey } from './audit-id.js';

/** Where a row stands in the order of time. `recorded` is a text that PostgreSQL reads as timestamptz. */
export interface AuditPosition {
  readonly recorded: string;
  readonly id: string;
}

/** Which rows are looked at, by what there is an index for. They may be more than those that are wanted. */
export interface AuditWindow {
  readonly from: string;
  /** Included. */
  readonly until: string;
  /** Each is a list of references, one of which the row is about. */
  readonly keys: readonly (readonly string[])[];
  readonly deniedOnly: boolean;
  readonly deletionsOnly: boolean;
}

type Maybe<Row> = { [Column in keyof Row]: Row[Column] | null };
type FoundRow = { epoch: string } & Maybe<AuditRow>;

const columns = `a.writer::text AS writer, a.id, ${instant('a.recorded')} AS recorded, a.action::text AS action, a.outcome,
  a.agent, a.membership, a.on_behalf_of, a.policy, a.entity, a.subjects, a.detail, a.request_id`;

const keysText = `
SELECT e.epoch, ${columns}
FROM security_epoch e
LEFT JOIN (unnest($1::text[], $2::bigint[]) AS k (writer, id) JOIN audit_event a ON a.writer = k.writer::xid8 AND a.id = k.id) ON true
ORDER BY a.recorded, a.id`;

/** Those of the rows with these keys that there are, in the order of time. Throws StaleRights. */
export async function findAuditRowsByKey(
  connection: Connection,
  epoch: string | undefined,
  keys: readonly Pick<AuditKey, 'writer' | 'id'>[],
): Promise<AuditRow[]> {
  const values = [keys.map(({ writer }) => writer), keys.map(({ id }) => id)];
  return present(
    epoch,
    await connection.query<FoundRow>(compiledSql({ name: 'store_audit_read', text: keysText, values })),
  );
}

/** Rows of a window, and whether these were the last ones. */
interface AuditRowBatch {
  readonly rows: AuditRow[];
  readonly isLast: boolean;
}

/**
 * Characters of subjects that are read at a time. A row may be about a thousand patients, so their number alone says
 * little of what rows take.
 */
const maxSubjectsLength = 1_000_000;

/**
 * The first rows of the window from `start` on, `start` itself included, in the order of time: at most `limit`, and fewer
 * where they are long, but always one behind `start` if there is one. Throws StaleRights.
 */
export async function findAuditRows(
  connection: Connection,
  epoch: string | undefined,
  window: AuditWindow,
  start: AuditPosition,
  { descending, limit }: { readonly descending: boolean; readonly limit: number },
): Promise<AuditRowBatch> {
  const order = descending ? 'DESC' : 'ASC';
  const values: unknown[] = [window.from, window.until, start.recorded, start.id, limit, maxSubjectsLength];
  const conditions = window.keys.map((keys) => {
    values.push(keys);
    return `AND audit_keys(k.agent, k.on_behalf_of, k.entity, k.subjects) && $${values.length}::text[]`;
  });
  if (window.deniedOnly) conditions.push('AND k.outcome <> 0');
  if (window.deletionsOnly) conditions.push("AND k.action = 'D'");
  const text = `
SELECT e.epoch, a.found, ${columns}
FROM security_epoch e LEFT JOIN LATERAL (
  SELECT *, count(*) OVER () AS found, row_number() OVER so_far AS place,
    sum(length) OVER so_far - length AS length_before
  FROM (
    SELECT *, coalesce(octet_length(k.subjects), 0) AS length FROM audit_event k
    WHERE k.recorded >= $1::timestamptz AND k.recorded <= $2::timestamptz
      AND (k.recorded, k.id) ${descending ? '<=' : '>='} ($3::timestamptz, $4::bigint)
      ${conditions.join(' ')}
    ORDER BY k.recorded ${order}, k.id ${order} LIMIT $5::bigint
  ) w
  WINDOW so_far AS (ORDER BY recorded ${order}, id ${order} ROWS UNBOUNDED PRECEDING)
) a ON a.place <= 2 OR a.length_before < $6::bigint
ORDER BY a.recorded ${order}, a.id ${order}`;
  // Planned for these very values: whether the time or the references select more depends on them.
  const found = await connection.query<FoundRow & { found: string | null }>(compiledSql({ text, values }));
  const rows = present(epoch, found);
  const inWindow = Number(found[0]?.found ?? 0);
  return { rows, isLast: inWindow < limit && rows.length === inWindow };
}

function present(epoch: string | undefined, rows: readonly FoundRow[]): AuditRow[] {
  const [first] = rows;
  if (first === undefined) throw new Error('The tenant database has no security epoch.');
  assertEpoch(epoch, first.epoch);
  return rows.filter((row): row is { epoch: string } & AuditRow => row.id !== null);
}
