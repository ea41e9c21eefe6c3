import { latencySums } from './latency-sums.sql.js';
import { isUnjudged, wasMigrated } from './rollout-projects.sql.js';

/** The statements of a rollout's worker that are more than a line or two. */

/** Of a rollout `r`: nobody holds it. */
const unheld = `(r.lease_expires_at IS NULL OR r.lease_expires_at < clock_timestamp())`;

/** Of a rollout `r`: there is something to do for a worker, in an ended or paused one what a dead worker left. */
const hasWork = `(r.state = 'running' OR r.state IN ('paused', 'aborted') AND EXISTS (
  SELECT FROM rollout_project p WHERE p.rollout_id = r.id AND p.state = 'running'))`;

/** `$1`: the newest schema that the worker knows. */
export const listRunnableStatement = `
SELECT r.id FROM rollout r WHERE r.state IN ('running', 'paused', 'aborted') AND r.target_version <= $1
   AND ${unheld} AND ${hasWork} ORDER BY r.created_at`;

/** `$1` the rollout, `$2` the worker, `$3` ms, `$4` the newest schema that it knows. */
export const claimStatement = `
WITH claimed AS (
  UPDATE rollout r SET lease_owner = $2, lease_expires_at = clock_timestamp() + $3 * interval '1 ms',
         fence = nextval('operation_fence'), started_at = coalesce(r.started_at, clock_timestamp())
   WHERE r.id = $1 AND r.target_version <= $4 AND ${unheld} AND ${hasWork} RETURNING r.*),
  begun AS (
    UPDATE rollout_project p SET state = 'pending', started_at = NULL FROM claimed
     WHERE p.rollout_id = claimed.id AND p.state = 'running')
SELECT id, target_version, plan, fence FROM claimed`;

/** Locks the rollout ($1) against a new claim until the end of the transaction, if the caller's fence ($2) is the last. */
export const heldLease = 'SELECT id FROM rollout WHERE id = $1 AND fence = $2 FOR SHARE';

/** Of a rollout's project `p`: there is a database in which backfills can be done. */
const hasDatabase = `EXISTS (SELECT FROM tenant_database t JOIN project ON project.id = t.project_id
  WHERE t.project_id = p.project_id AND t.state = 'claimed' AND project.state NOT IN ('archived', 'deleted'))`;

/** Of a rollout's project `p`: nobody need wait for it but those who want it itself. */
const isPutOff = `coalesce(p.waits_for IN ('window', 'operation'), false)`;
/** The same for all rows of a statement. */
const isDue = `(p.due_at IS NULL OR p.due_at <= statement_timestamp())`;

/** Of a rollout's project `p`: the rollout has migrated it or fills it in, or has failed to. A mere look is no try. */
const wasTried = `(${wasMigrated} OR p.state = 'done' AND p.backfill <> 'none' OR p.state = 'failed' AND p.attempts > 0)`;

/** `$1` the rollout, `$2` the fence. One row, of one moment; none under another fence. */
export const lookStatement = `
SELECT clock_timestamp() AS now, r.state, r.wave, coalesce((
         SELECT json_agg(json_build_object(
             'position', w.position, 'state', w.state, 'startedAt', w.started_at, 'settledAt', w.settled_at,
             'finishedAt', w.finished_at, 'health', w.health,
             'counts', json_build_object(
               'total', coalesce(c.total, 0), 'open', coalesce(c.open, 0), 'due', coalesce(c.due, 0),
               'waiting', coalesce(c.waiting, 0), 'retried', coalesce(c.retried, 0), 'tried', coalesce(c.tried, 0),
               'running', coalesce(c.running, 0), 'done', coalesce(c.done, 0), 'failed', coalesce(c.failed, 0),
               'skipped', coalesce(c.skipped, 0), 'worked', coalesce(c.worked, 0), 'unjudged', coalesce(c.unjudged, 0),
               'unwatched', coalesce(c.unwatched, 0),
               'backfillsPending', coalesce(c.backfills_pending, 0), 'backfillsWaiting', coalesce(c.backfills_waiting, 0),
               'backfillsFailed', coalesce(c.backfills_failed, 0), 'nextDueAt', c.next_due_at)) ORDER BY w.position)
           FROM rollout_wave w LEFT JOIN (
             SELECT p.wave, count(*) AS total,
                    count(*) FILTER (WHERE p.state = 'pending' AND ${isPutOff} AND ${isDue}) AS due,
                    count(*) FILTER (WHERE p.state = 'pending' AND ${isPutOff} AND NOT ${isDue}) AS waiting,
                    count(*) FILTER (WHERE p.state = 'pending' AND NOT ${isPutOff}) AS open,
                    count(*) FILTER (WHERE p.retried AND (${isDue} OR NOT ${isPutOff})
                                       AND (p.state IN ('pending', 'running') OR p.state = 'done'
                                         AND p.backfill = 'pending' AND ${hasDatabase})) AS retried,
                    count(*) FILTER (WHERE ${wasTried}) AS tried,
                    count(*) FILTER (WHERE p.state = 'running') AS running,
                    count(*) FILTER (WHERE p.state = 'done') AS done,
                    count(*) FILTER (WHERE p.state = 'failed') AS failed,
                    count(*) FILTER (WHERE p.state = 'skipped') AS skipped,
                    count(*) FILTER (WHERE ${wasMigrated}) AS worked,
                    count(*) FILTER (WHERE ${isUnjudged}) AS unjudged,
                    count(*) FILTER (WHERE ${isUnjudged} AND p.finished_at > of.settled_at) AS unwatched,
                    count(*) FILTER (WHERE p.state = 'done' AND p.backfill = 'pending'
                                       AND ${hasDatabase}) AS backfills_pending,
                    count(*) FILTER (WHERE p.state = 'done' AND p.backfill = 'pending' AND ${isPutOff}
                                       AND ${hasDatabase}) AS backfills_waiting,
                    count(*) FILTER (WHERE p.state = 'done' AND p.backfill = 'failed' AND p.skip_reason IS NULL
                                       AND ${hasDatabase}) AS backfills_failed,
                    min(p.due_at) FILTER (WHERE p.state = 'pending' AND p.due_at > clock_timestamp()) AS next_due_at
               FROM rollout_project p JOIN rollout_wave of ON of.rollout_id = p.rollout_id AND of.position = p.wave
              WHERE p.rollout_id = $1 GROUP BY p.wave) c ON c.wave = w.position
          WHERE w.rollout_id = $1), '[]') AS waves
  FROM rollout r WHERE r.id = $1 AND r.fence = $2`;

/** Keeps the traffic of the `slot`s of the rollout's ($1) projects, as what they were served before they were migrated. */
const keptTraffic = `kept AS (
    INSERT INTO rollout_traffic (rollout_id, project_id, requests, server_errors, latency)
    SELECT $1, slot.project_id, coalesce(sum(slot.requests), 0), coalesce(sum(slot.server_errors), 0),
           ${latencySums('slot')}::integer[]
      FROM slot GROUP BY slot.project_id`;

/**
 * `$1` the rollout, `$2` the fence, `$3` the wave, `$4` ms. When the wave begins for the first time, what its projects were
 * served in so long a time before is kept; a slot of ten seconds counts when its middle lies in it.
 */
export const beginWaveStatement = `
WITH held AS (${heldLease}),
  begins AS (
    SELECT w.rollout_id, w.position FROM held JOIN rollout_wave w ON w.rollout_id = held.id
     WHERE w.position = $3 AND w.started_at IS NULL),
  slot AS (
    SELECT t.* FROM begins JOIN rollout_project p ON p.rollout_id = begins.rollout_id AND p.wave = begins.position
      JOIN project_traffic t ON t.project_id = p.project_id
     WHERE t.since >= statement_timestamp() - $4 * interval '1 ms' - interval '5 s'
       AND t.since < statement_timestamp() - interval '5 s'),
  ${keptTraffic}
    ON CONFLICT (rollout_id, project_id) DO NOTHING)
UPDATE rollout_wave w SET state = 'running', started_at = coalesce(w.started_at, clock_timestamp()), settled_at = NULL,
       finished_at = NULL
  FROM held WHERE w.rollout_id = held.id AND w.position = $3 RETURNING held.id`;

/**
 * `$1` the rollout, `$2` the fence, `$3` the wave, `$4` ms, `$5` what was measured when it was judged just now, `$6` for how
 * many ms traffic is surely kept. In a wave that had passed, stragglers are watched: what each was served in so long a time
 * before it was begun is kept, where it has not been forgotten. One that was served nothing then is not compared with what
 * it was served when its wave began, maybe at another time of the day. A wave that is judged for the first time then has not
 * ended before.
 */
export const watchWaveStatement = `
WITH held AS (${heldLease}),
  straggler AS (
    SELECT p.project_id, p.started_at FROM held JOIN rollout_wave w ON w.rollout_id = held.id
      JOIN rollout_project p ON p.rollout_id = w.rollout_id AND p.wave = w.position
     WHERE w.position = $3 AND w.state = 'passed' AND ${isUnjudged}),
  slot AS (
    SELECT straggler.project_id, t.requests, t.server_errors, t.latency
      FROM straggler LEFT JOIN project_traffic t ON t.project_id = straggler.project_id
       AND t.since >= straggler.started_at - $4 * interval '1 ms' - interval '5 s'
       AND t.since < straggler.started_at - interval '5 s'
     WHERE t.project_id IS NOT NULL
        OR straggler.started_at - $4 * interval '1 ms' - interval '5 s' > statement_timestamp() - $6 * interval '1 ms'),
  ${keptTraffic}
    ON CONFLICT (rollout_id, project_id) DO UPDATE
      SET requests = EXCLUDED.requests, server_errors = EXCLUDED.server_errors, latency = EXCLUDED.latency)
UPDATE rollout_wave w SET state = 'checking', health = coalesce($5::jsonb, w.health), settled_at = clock_timestamp(),
       finished_at = CASE WHEN w.health IS NOT NULL THEN w.finished_at END
  FROM held WHERE w.rollout_id = held.id AND w.position = $3 RETURNING held.id`;

/**
 * `$1` the rollout, `$2` the fence, `$3` the wave, `$4` what was measured when it was judged; without it nothing was. One that
 * passes again after its stragglers has ended when it did first. Tells whether it has passed: nothing does in a rollout that
 * an operator has stopped meanwhile.
 */
export const passWaveStatement = `
WITH held AS (SELECT id, state FROM rollout WHERE id = $1 AND fence = $2 FOR SHARE),
  passed AS (
    UPDATE rollout_wave w SET state = 'passed', health = coalesce($4::jsonb, w.health),
           started_at = coalesce(w.started_at, clock_timestamp()), finished_at = coalesce(w.finished_at, clock_timestamp()),
           settled_at = coalesce(w.settled_at, clock_timestamp())
      FROM held WHERE held.state = 'running' AND w.rollout_id = held.id AND w.position = $3 RETURNING w.rollout_id),
  judged AS (
    UPDATE rollout_project p SET judged = true FROM passed
     WHERE p.rollout_id = passed.rollout_id AND p.wave = $3 AND $4::jsonb IS NOT NULL AND ${isUnjudged}),
  moved AS (UPDATE rollout r SET wave = greatest(r.wave, $3 + 1) FROM passed WHERE r.id = passed.rollout_id)
SELECT EXISTS (SELECT FROM passed) AS is_passed FROM held`;

/** `$1` the rollout, `$2` the fence, `$3` the target. Whether it may become that of the fleet, as the rollout ends. */
export const provedStatement = `
SELECT EXISTS (SELECT FROM rollout_project p WHERE p.rollout_id = $1 AND ${wasMigrated}) OR NOT EXISTS (
         SELECT FROM tenant_database t JOIN project ON project.id = t.project_id
          WHERE t.state = 'claimed' AND t.schema_version < $3 AND project.state NOT IN ('archived', 'deleted')) AS is_proved
  FROM rollout r WHERE r.id = $1 AND r.fence = $2 FOR SHARE`;

/** `$1` the rollout, `$2` the selectors as JSON texts, in order. */
export const planWavesStatement = `
INSERT INTO rollout_wave (rollout_id, position, selector)
SELECT $1, selected.place - 1, selected.selector::jsonb
  FROM unnest($2::text[]) WITH ORDINALITY AS selected (selector, place)
ON CONFLICT (rollout_id, position) DO NOTHING`;

/** A project's database `t`, with what an earlier rollout left undone of its backfills. */
const unfinishedFrom = `(SELECT min(e.from_version) FROM rollout_project e
  WHERE e.project_id = t.project_id AND e.backfill IN ('pending', 'failed'))`;

/**
 * `$1` the rollout, `$2` its target, `$3` projects, `$4` their waves, and `$5` whether those that are thought to have the
 * target's schema are looked into. `from_version` is where backfills begin, so that one which an aborted rollout left is
 * taken up.
 */
export const planProjectsStatement = `
INSERT INTO rollout_project (rollout_id, project_id, wave, cluster_id, from_version, to_version, state, backfill, finished_at)
SELECT $1, t.project_id, planned.wave, t.cluster_id, least(t.schema_version, ${unfinishedFrom}),
       CASE WHEN is_done THEN t.schema_version END,
       CASE WHEN is_done THEN 'done' ELSE 'pending' END,
       CASE WHEN is_done AND ${unfinishedFrom} IS NOT NULL THEN 'pending' ELSE 'none' END,
       CASE WHEN is_done THEN clock_timestamp() END
  FROM unnest($3::uuid[], $4::integer[]) AS planned (project_id, wave)
  JOIN tenant_database t ON t.project_id = planned.project_id AND t.state = 'claimed'
 CROSS JOIN LATERAL (SELECT t.schema_version >= $2 AND NOT $5::boolean) AS known (is_done)
ON CONFLICT (rollout_id, project_id) DO NOTHING`;

/** `$1` the rollout, `$2` the fence, `$3` the target. */
export const adoptStatement = `
WITH held AS (
  SELECT r.id, (SELECT max(w.position) FROM rollout_wave w WHERE w.rollout_id = r.id) AS last_wave
    FROM rollout r WHERE r.id = $1 AND r.fence = $2 FOR SHARE OF r),
  behind AS (
    SELECT t.project_id, t.cluster_id, t.schema_version, t.state
      FROM tenant_database t JOIN project p ON p.id = t.project_id
     WHERE t.state IN ('building', 'claimed') AND t.schema_version < $3 AND p.state NOT IN ('archived', 'deleted')),
  reopened AS (
    UPDATE rollout_project rp SET state = 'pending', attempts = 0, finished_at = NULL, to_version = NULL,
           found_version = NULL, backfill = 'none',
           from_version = least(rp.from_version, behind.schema_version), cluster_id = behind.cluster_id,
           waits_for = NULL, due_at = NULL, skip_reason = NULL, judged = false
      FROM held, behind
     WHERE rp.rollout_id = held.id AND rp.project_id = behind.project_id AND rp.state = 'done'
       AND behind.state = 'claimed' RETURNING 1),
  added AS (
    INSERT INTO rollout_project (rollout_id, project_id, wave, cluster_id, from_version)
    SELECT held.id, behind.project_id, held.last_wave, behind.cluster_id, behind.schema_version FROM held, behind
     WHERE held.last_wave IS NOT NULL
    ON CONFLICT (rollout_id, project_id) DO NOTHING RETURNING 1)
SELECT (SELECT count(*) FROM reopened)::int + (SELECT count(*) FROM added)::int AS adopted FROM held`;
