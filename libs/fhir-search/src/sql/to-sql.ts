/**
 * Turns a plan into one statement. Its shape:
 *
 *     SELECT e.epoch, h.…
 *     FROM security_epoch e LEFT JOIN LATERAL (<the rows of the page>) h ON true
 *
 * The epoch comes back with every answer, also with an empty one, so that the caller can tell whether the rights under
 * which the plan was made still stand.
 */
import { hash } from 'node:crypto';
import type { SearchPlan, Statement } from '../search-plan.js';
import { orderBy, tieDescending } from './order.js';
import { pageRows } from './page-rows.js';
import { Parameters } from './parameters.js';
import { onlyString, planFitsAllValues } from './plan-choice.js';
import { indent, matches } from './select.js';

/** So many bytes of bodies are read for one answer: what is stored may be megabytes long, and a page hundreds of it. */
export const maxPageBytes = 32 * 1024 * 1024;

/** The body, until those before it in the window `w` and itself come to more than a page's worth of bytes. */
const bodyWithinPage = `CASE WHEN sum(octet_length(h.body)) OVER w <= ${maxPageBytes} THEN h.body END AS body`;

/** The instant as it stands in the body; the text does not depend on the session's settings. */
const lastUpdated = `to_char(h.last_updated AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS last_updated`;

/**
 * The statement that returns the rows of the plan's page, in order, and one row more when there is a next page; see
 * `SearchRow` for its columns. A plan with `count` 0 has no page: ask for its total only. Bodies are read up to
 * `maxPageBytes`; rows behind have none.
 */
export function toSql(plan: SearchPlan): Statement {
  if (plan.count < 1) throw new RangeError('A page has at least one row; a search for the total alone has no page.');
  const parameters = new Parameters();
  const page = pageRows(plan, parameters);
  const keys = plan.order.map((_, index) => `h.s${index + 1}`);
  const columns = ['h.id', 'h.type', 'h.fhir_id', 'h.version', lastUpdated, bodyWithinPage, 'h.extended_meta', ...keys];
  const order = orderBy([
    ...plan.order.map(({ descending }, index) => ({ expression: `h.s${index + 1}`, descending, nullable: true })),
    { expression: 'h.id', descending: tieDescending(plan.order), nullable: false },
  ]);
  const text = `SELECT e.epoch, ${columns.join(', ')}
FROM security_epoch e LEFT JOIN LATERAL (
${indent(page)}
) h ON true
WINDOW w AS (${order} ROWS UNBOUNDED PRECEDING)
${order}`;
  const isPrepared = planFitsAllValues(plan) || onlyString(plan) !== undefined;
  return statement('search', isPrepared, text, parameters);
}

/**
 * The statement that counts all rows of the plan, whatever its page; see `CountRow` for its columns.
 */
export function toCountSql(plan: SearchPlan): Statement {
  const parameters = new Parameters();
  const where = matches(plan.where, plan, parameters);
  const text = `SELECT e.epoch, (
  SELECT count(*) FROM resource r
  WHERE ${where.join('\n    AND ')}
) AS total
FROM security_epoch e`;
  return statement('count', planFitsAllValues(plan), text, parameters);
}

function statement(purpose: string, isPrepared: boolean, text: string, { values }: Parameters): Statement {
  return isPrepared ? { name: `${purpose}_${shapeHash(text)}`, text, values } : { text, values };
}

/** Names of shapes seen before: hashing a text of a few kilobytes for each search would cost more than building it. */
const shapeHashes = new Map<string, string>();
const maxShapes = 1000;

function shapeHash(text: string): string {
  const known = shapeHashes.get(text);
  if (known !== undefined) return known;
  const made = hash('sha256', text, 'hex').slice(0, 32);
  // Clients choose the shapes, so the memory for them is bounded; starting over is rare and harmless.
  if (shapeHashes.size >= maxShapes) shapeHashes.clear();
  shapeHashes.set(text, made);
  return made;
}
