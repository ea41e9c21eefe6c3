/**
 * The rows of jobs. Who carries a job out has a lease with a number, the fence, and every statement about the job's course
 * names it: after a lease has run out and somebody else has taken the job over, the earlier one changes nothing any more.
 */
import type { JsonObject } from '#fhir';
import { compiledSql, type Connection } from '#postgres';
import { assertEpoch } from '../caller.js';
import {
  LeaseLost,
  type JobEnd,
  type JobKind,
  type JobLease,
  type JobState,
  type LeasedJob,
  type NewJob,
  type RemovedJob,
  type StoredJob,
} from './job.js';

/** What has not ended may be taken over so long after whoever carries it out was heard of last. */
const leaseSeconds = 60;
/** For so long a job, its answer and its files are kept. */
const lifeHours = 24;

/** Advisory locks have two keys: the platform's own, and what is locked. */
const acceptLock = 'pg_advisory_xact_lock(1651469921, 4)';

const isUnfinished = `state IN ('accepted', 'active')`;
const nextLease = `clock_timestamp() + interval '${leaseSeconds} seconds'`;

/** Keeps the job unless the project has `maxUnfinished` already that have not ended; whether it was kept. */
export async function insertJob(connection: Connection, job: NewJob, maxUnfinished: number): Promise<boolean> {
  return connection.transaction(async (transaction) => {
    // One after the other, so that many at once do not all find that there is room.
    const locked = transaction.query(compiledSql({ text: `SELECT ${acceptLock}`, values: [] }));
    const inserted = transaction.query(
      compiledSql({
        text: `INSERT INTO async_job (id, kind, membership, starter, request_id, request, expires_at)
               SELECT $1::uuid, $2, $3, $4::jsonb, $5, $6, clock_timestamp() + interval '${lifeHours} hours'
               WHERE (SELECT count(*) FROM async_job WHERE ${isUnfinished}) < $7
               RETURNING id`,
        values: [
          job.id,
          job.kind,
          job.membership,
          JSON.stringify(job.starter),
          job.requestId,
          job.request,
          maxUnfinished,
        ],
      }),
    );
    const [, rows] = await Promise.all([locked, inserted]);
    return rows.length > 0;
  });
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
  readonly result: string | null;
  readonly result_status: number | null;
  readonly is_left: boolean;
  readonly expires_ms: number;
}

const findText = `
SELECT e.epoch, j.id, j.kind, j.membership, j.starter, j.state, j.progress, j.watermark, j.result, j.result_status,
       j.${isUnfinished} AND j.lease_until <= clock_timestamp() AS is_left,
       (extract(epoch FROM j.expires_at) * 1000)::float8 AS expires_ms
FROM security_epoch e LEFT JOIN async_job j ON j.id = $1::uuid AND j.expires_at > clock_timestamp()`;

/** The job, which must be named by a UUID; undefined when there is none, or it has expired. Throws StaleRights. */
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
UPDATE async_job j SET state = 'active', fence = j.fence + 1, lease_until = ${nextLease}
FROM (
  SELECT id, state FROM async_job
  WHERE id = $1 AND ${isUnfinished} AND lease_until <= clock_timestamp() AND expires_at > clock_timestamp()
  FOR NO KEY UPDATE SKIP LOCKED
) before
WHERE j.id = before.id
RETURNING j.id, j.fence, j.kind, j.membership, j.starter, j.request_id AS "requestId", j.request, j.watermark,
          before.state = 'active' AS "wasBegun"`;

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

/**
 * Gives the lease back, so that others can take the job after `waitSeconds`. `asNew`: they carry it out as if nobody had
 * begun it.
 */
export async function returnLease(
  connection: Connection,
  { id, fence }: JobLease,
  { waitSeconds, asNew }: { readonly waitSeconds: number; readonly asNew: boolean },
): Promise<void> {
  await connection.query(
    compiledSql({
      name: 'store_return_job',
      text: `UPDATE async_job SET lease_until = clock_timestamp() + make_interval(secs => $3),
                    state = CASE WHEN $4 THEN 'accepted' ELSE state END
             WHERE ${held}`,
      values: [id, fence, waitSeconds, asNew],
    }),
  );
}

/** Removes a job, whatever its state: whoever carries it out finds the lease lost. */
export async function removeJob(connection: Connection, id: string): Promise<RemovedJob | undefined> {
  const [row] = await connection.query<RemovedJob>(
    compiledSql({
      name: 'store_remove_job',
      text: 'DELETE FROM async_job WHERE id = $1 RETURNING id, kind, watermark',
      values: [id],
    }),
  );
  return row;
}

/** Removes the jobs that have expired. */
export async function removeExpiredJobs(connection: Connection): Promise<RemovedJob[]> {
  return connection.query<RemovedJob>(
    compiledSql({
      name: 'store_remove_expired_jobs',
      text: 'DELETE FROM async_job WHERE expires_at <= clock_timestamp() RETURNING id, kind, watermark',
      values: [],
    }),
  );
}

/** Every job of the project, and whether it is left by whoever carried it out. */
export async function listJobs(
  connection: Connection,
): Promise<{ readonly id: string; readonly kind: JobKind; readonly isLeft: boolean }[]> {
  return connection.query(
    compiledSql({
      name: 'store_list_jobs',
      text: `SELECT id, kind, ${isUnfinished} AND lease_until <= clock_timestamp() AS "isLeft" FROM async_job`,
      values: [],
    }),
  );
}
