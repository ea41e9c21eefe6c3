/**
 * The rows of jobs. Who carries a job out has a lease with a number, the fence, and every statement about the job's course
 * names it: after a lease has run out and somebody else has taken the job over, the earlier one changes nothing any more.
 */
import type { JsonObject } from '#fhir';
import { compiledSql, type Connection } from '#postgres';
import { assertEpoch } from '../caller.js';
import { withKnownErrors } from '../transaction.js';
import {
  LeaseLost,
  type JobEnd,
  type JobKind,
  type JobLease,
  type JobLimits,
  type JobState,
  type LeasedJob,
  type NewJob,
  type ReachedLimit,
  type StoredJob,
  type WithdrawnJob,
} from './job.js';

/** What has not ended may be taken over so long after whoever carries it out was heard of last. */
const leaseSeconds = 60;
/** For so long a job, its answer and its files are kept. */
const lifeHours = 24;

/** Advisory locks have two keys: the platform's own, and what is locked. */
const acceptLock = 'pg_advisory_xact_lock(1651469921, 4)';

const isUnfinished = `state IN ('accepted', 'active')`;
const nextLease = `clock_timestamp() + interval '${leaseSeconds} seconds'`;

const countText = `
SELECT count(*) FILTER (WHERE ${isUnfinished})::integer AS unfinished,
       count(*) FILTER (WHERE ${isUnfinished} AND membership = $1)::integer AS own_unfinished,
       count(*) FILTER (WHERE kind = 'export')::integer AS exports,
       count(*) FILTER (WHERE kind = 'export' AND membership = $1)::integer AS own_exports,
       count(*) FILTER (WHERE kind <> 'export')::integer AS others,
       count(*) FILTER (WHERE kind <> 'export' AND membership = $1)::integer AS own_others
  FROM async_job WHERE expires_at > clock_timestamp()`;

type Counts = Readonly<Record<keyof JobLimits | `own_${keyof JobLimits}`, number>>;

const insertText = `
INSERT INTO async_job (id, kind, membership, starter, request_id, request, expires_at)
VALUES ($1::uuid, $2, $3, $4::jsonb, $5, $6, clock_timestamp() + interval '${lifeHours} hours')`;

/** Keeps the job, unless there are as many already as there may be: it gives the limit, and has kept nothing. */
export async function insertJob(
  connection: Connection,
  job: NewJob,
  limits: JobLimits,
): Promise<ReachedLimit | undefined> {
  const { id, kind, membership, starter, requestId, request } = job;
  return connection.transaction(async (transaction) => {
    // One after the other, so that many at once do not all find that there is room.
    const locked = transaction.query(compiledSql({ text: `SELECT ${acceptLock}`, values: [] }));
    const counted = transaction.query<Counts>(
      compiledSql({ name: 'store_count_jobs', text: countText, values: [membership] }),
    );
    const [, [counts]] = await Promise.all([locked, counted]);
    if (counts === undefined) throw new Error('The jobs could not be counted.');
    const reached = reachedLimit(counts, limits, kind === 'export' ? 'exports' : 'others');
    if (reached !== undefined) return reached;
    const values = [id, kind, membership, JSON.stringify(starter), requestId, request];
    await transaction.query(compiledSql({ name: 'store_insert_job', text: insertText, values }));
    return undefined;
  });
}

function reachedLimit(counts: Counts, limits: JobLimits, kept: 'exports' | 'others'): ReachedLimit | undefined {
  for (const counted of ['unfinished', kept] as const) {
    const { membership, project } = limits[counted];
    if (counts[`own_${counted}`] >= membership) return { of: counted, whose: 'membership', max: membership };
    if (counts[counted] >= project) return { of: counted, whose: 'project', max: project };
  }
  return undefined;
}

interface FoundJob {
  readonly epoch: string;
  readonly id: string | null;
  readonly kind: JobKind;
  readonly membership: string;
  readonly starter: JsonObject;
  readonly state: JobState;
  readonly progress: string;
  readonly watermark: JsonObject | null;
  readonly result: Buffer | null;
  readonly result_status: number | null;
  readonly is_left: boolean;
  readonly expires_ms: number;
}

const findText = `
SELECT e.epoch, j.id, j.kind, j.membership, j.starter, j.state, j.progress, j.watermark, j.result, j.result_status,
       j.${isUnfinished} AND j.lease_until <= clock_timestamp() AS is_left,
       (extract(epoch FROM j.expires_at) * 1000)::float8 AS expires_ms
FROM security_epoch e
  LEFT JOIN async_job j ON j.id = $1::uuid AND j.expires_at > clock_timestamp() AND j.state <> 'removed'`;

/** The job, which must be named by a UUID; undefined when there is none, or it has expired or was withdrawn. Throws StaleRights. */
export async function findJob(
  connection: Connection,
  epoch: string | undefined,
  id: string,
): Promise<StoredJob | undefined> {
  const [row] = await connection.query<FoundJob>(compiledSql({ name: 'store_find_job', text: findText, values: [id] }));
  if (row === undefined) throw new Error('The tenant database has no security epoch.');
  assertEpoch(epoch, row.epoch);
  if (row.id === null) return undefined;
  const { epoch: _epoch, result_status: resultStatus, is_left: isLeft, expires_ms: expiresMs, ...job } = row;
  return { ...job, id: row.id, resultStatus, isLeft, expiresAt: new Date(expiresMs) };
}

/** What somebody holds in a transaction at this moment is no job that was left. */
const claimText = `
UPDATE async_job j SET state = 'active', fence = j.fence + 1, lease_until = ${nextLease},
       takeovers = j.takeovers + (before.state = 'active')::integer
FROM (
  SELECT id, state FROM async_job
  WHERE id = $1 AND ${isUnfinished} AND lease_until <= clock_timestamp() AND expires_at > clock_timestamp()
  FOR NO KEY UPDATE SKIP LOCKED
) before
WHERE j.id = before.id
RETURNING j.id, j.fence, j.kind, j.membership, j.starter, j.request_id AS "requestId", j.request, j.watermark,
          j.takeovers, j.faults, before.state = 'active' AS "wasBegun"`;

/** Takes a job that waits or was left; undefined when somebody carries it out, it has ended, or it is gone. */
export async function claimJob(connection: Connection, id: string): Promise<LeasedJob | undefined> {
  const [row] = await connection.query<LeasedJob>(
    compiledSql({ name: 'store_claim_job', text: claimText, values: [id] }),
  );
  return row;
}

const held = `id = $1 AND fence = $2 AND state = 'active'`;

/** Makes the lease last longer, if it still is one. What its own holder has locked lasts as long as that does. */
export async function renewLease(connection: Connection, { id, fence }: JobLease): Promise<void> {
  await connection.query(
    compiledSql({
      name: 'store_renew_job',
      text: `UPDATE async_job SET lease_until = ${nextLease}
             WHERE id = (SELECT id FROM async_job WHERE ${held} FOR NO KEY UPDATE SKIP LOCKED)`,
      values: [id, fence],
    }),
  );
}

/** Throws LeaseLost unless the lease is good. */
export async function assertLease(connection: Connection, { id, fence }: JobLease): Promise<void> {
  const rows = await connection.query(
    compiledSql({
      name: 'store_job_lease',
      text: `SELECT FROM async_job WHERE ${held}`,
      values: [id, fence],
    }),
  );
  if (rows.length === 0) throw new LeaseLost();
}

/** The same, and nobody takes the job over or cancels it before the transaction has ended. */
export async function holdLease(transaction: Connection, { id, fence }: JobLease): Promise<void> {
  const rows = await transaction.query(
    compiledSql({
      name: 'store_hold_job_lease',
      text: `SELECT FROM async_job WHERE ${held} FOR NO KEY UPDATE`,
      values: [id, fence],
    }),
  );
  if (rows.length === 0) throw new LeaseLost();
}

/** Notes how far the job has come. Throws LeaseLost. */
export async function noteProgress(
  connection: Connection,
  { id, fence }: JobLease,
  progress: string,
  watermark: object | null,
): Promise<void> {
  const rows = await connection.query(
    compiledSql({
      name: 'store_note_job',
      text: `UPDATE async_job SET progress = $3, watermark = $4::jsonb, lease_until = ${nextLease}
             WHERE ${held} RETURNING id`,
      values: [id, fence, progress, watermark === null ? null : JSON.stringify(watermark)],
    }),
  );
  if (rows.length === 0) throw new LeaseLost();
}

/** Ends the job; in the transaction of what it has done, if it was one. Throws LeaseLost. */
export async function endJob(connection: Connection, { id, fence }: JobLease, end: JobEnd): Promise<void> {
  const rows = await connection.query(
    compiledSql({
      name: 'store_end_job',
      text: `UPDATE async_job SET state = $3, result = $4, result_status = $5, request = NULL, progress = ''
             WHERE ${held} RETURNING id`,
      values: [id, fence, end.state, end.result, end.status],
    }),
  );
  if (rows.length === 0) throw new LeaseLost();
}

/** How a lease is given back. */
interface Returning {
  /** After so long others can take the job. */
  readonly waitSeconds: number;
  /** They carry it out as if nobody had begun it. */
  readonly asNew: boolean;
  /** Whether it is given back because of something unforeseen, which is counted. */
  readonly isFault?: boolean;
}

/** Gives the lease back, if it still is one, so that others can take the job. */
export async function returnLease(
  connection: Connection,
  { id, fence }: JobLease,
  { waitSeconds, asNew, isFault = false }: Returning,
): Promise<void> {
  await connection.query(
    compiledSql({
      name: 'store_return_job',
      text: `UPDATE async_job SET lease_until = clock_timestamp() + make_interval(secs => $3),
                    state = CASE WHEN $4 THEN 'accepted' ELSE state END, faults = faults + $5::boolean::integer
             WHERE ${held}`,
      values: [id, fence, waitSeconds, asNew, isFault],
    }),
  );
}

/** A withdrawn job answers nothing any more and cannot be carried out; its row is there until its files are gone. */
const withdrawn = `state = 'removed', fence = fence + 1, request = NULL, result = NULL`;

/** Somebody who writes holds the row until the commit. */
const withdrawWaitMs = 2_000;

/**
 * Withdraws a job, whatever its state: nobody finds it, and whoever carries it out finds the lease lost. `hadEnded`: there
 * was nothing left to stop. Undefined when there is no such job. Throws OutcomeError `unavailable` when what it writes is
 * being committed at this moment.
 */
export function withdrawJob(
  connection: Connection,
  id: string,
): Promise<(WithdrawnJob & { readonly hadEnded: boolean }) | undefined> {
  return withKnownErrors(() =>
    connection.transaction(async (transaction) => {
      await transaction.query(
        compiledSql({ text: `SELECT set_config('lock_timeout', '${withdrawWaitMs}', true)`, values: [] }),
      );
      const [row] = await transaction.query<WithdrawnJob & { readonly hadEnded: boolean }>(
        compiledSql({
          name: 'store_withdraw_job',
          text: `UPDATE async_job SET ${withdrawn} WHERE id = $1 AND state <> 'removed'
                 RETURNING id, kind, watermark, old.state IN ('completed', 'failed') AS "hadEnded"`,
          values: [id],
        }),
      );
      return row;
    }),
  );
}

/** Withdraws the jobs that have expired, and gives all that are withdrawn. */
export async function withdrawExpiredJobs(connection: Connection): Promise<WithdrawnJob[]> {
  return connection.query<WithdrawnJob>(
    compiledSql({
      name: 'store_withdraw_expired_jobs',
      text: `WITH expired AS (
               UPDATE async_job SET ${withdrawn}
                WHERE id IN (SELECT id FROM async_job
                              WHERE expires_at <= clock_timestamp() AND state <> 'removed' FOR NO KEY UPDATE SKIP LOCKED)
               RETURNING id, kind, watermark)
             SELECT id, kind, watermark FROM expired
             UNION ALL SELECT id, kind, watermark FROM async_job WHERE state = 'removed'`,
      values: [],
    }),
  );
}

/** Removes the row of a job that was withdrawn, once nothing else is left of it. */
export async function removeJob(connection: Connection, id: string): Promise<void> {
  await connection.query(
    compiledSql({
      name: 'store_remove_job',
      text: `DELETE FROM async_job WHERE id = $1 AND state = 'removed'`,
      values: [id],
    }),
  );
}

/** A job as whoever looks after the project's jobs sees it. */
export interface ListedJob {
  readonly id: string;
  readonly kind: JobKind;
  /** Whoever carried it out has not been heard of for too long. */
  readonly isLeft: boolean;
  /** It has expired or was withdrawn (see `withdrawExpiredJobs`). */
  readonly isOver: boolean;
}

/** Every job of the project. */
export async function listJobs(connection: Connection): Promise<ListedJob[]> {
  return connection.query<ListedJob & Record<string, unknown>>(
    compiledSql({
      name: 'store_list_jobs',
      text: `SELECT id, kind, is_over AS "isOver",
                    NOT is_over AND ${isUnfinished} AND lease_until <= clock_timestamp() AS "isLeft"
               FROM async_job, LATERAL (SELECT state = 'removed' OR expires_at <= clock_timestamp() AS is_over)`,
      values: [],
    }),
  );
}
