/** The statements about the projects of a rollout. */

/**
 * Of a rollout's project `p`: the rollout has brought its database to the schema that it has. Others had it before, as the
 * control database knew or a look has shown.
 */
export const wasMigrated = `p.state = 'done' AND p.attempts > 0 AND p.found_version IS DISTINCT FROM p.to_version`;

/** Of a rollout's project `p`: the health gate has not seen it since. */
export const isUnjudged = `${wasMigrated} AND NOT p.judged`;

/** Of a project `p`: an operation works on it. */
export const isBusy = `EXISTS (SELECT FROM operation o WHERE o.project_id = p.id AND o.state IN ('queued', 'running'))`;

/**
 * `$1` the rollout, `$2` the waves, `$3` whether only retried ones, `$4` clusters to leave alone, `$5` how many. They are
 * chosen before anything else is asked about them: there may be thousands that are due.
 */
export const dueStatement = `
SELECT due.project_id, due.wave, due.attempts, due.from_version, p.state, p.schema_pin, p.schema_pin_until,
       p.schema_pin_reason, p.maintenance_window, p.revision, t.id AS tenant_database_id, t.cluster_id, t.database_name,
       t.role_name, t.schema_version,
       ${isBusy} AS is_busy
  FROM (SELECT rp.*, row_number() OVER (PARTITION BY rp.wave, rp.cluster_id ORDER BY rp.project_id) AS place
          FROM rollout_project rp
         WHERE rp.rollout_id = $1 AND rp.state = 'pending' AND rp.wave = ANY ($2::integer[])
           AND (rp.retried OR NOT $3::boolean) AND rp.cluster_id <> ALL ($4::text[])
           AND (rp.due_at IS NULL OR rp.due_at <= clock_timestamp())
         ORDER BY rp.wave, place, rp.project_id LIMIT $5) due
  JOIN project p ON p.id = due.project_id
  LEFT JOIN tenant_database t ON t.project_id = p.id AND t.state = 'claimed'
 ORDER BY due.wave, due.place, due.project_id`;

/**
 * `$1` the rollout, `$2` the fence, `$3` outcomes as JSON, `$4` the projects to begin. One row; none under another fence.
 *
 * A project waits for its maintenance window only if nobody has changed it since its window was read: who takes the window
 * away wakes those that wait, and this one did not wait yet. Such a project is due at once. The lock keeps changes away until
 * that is written; whoever has begun one is waited for.
 *
 * A schema that was seen replaces a later one only if that is the one which was thought to be there: otherwise somebody has
 * brought the database further since.
 */
export const turnStatement = `
WITH held AS (SELECT id, state FROM rollout WHERE id = $1 AND fence = $2 FOR SHARE),
  outcome AS (
    SELECT o.* FROM held, jsonb_to_recordset($3::jsonb) AS o (
      "projectId" uuid, state text, tried boolean, "fromVersion" integer, "toVersion" integer, "foundVersion" integer,
      "durationMs" integer, error jsonb, "errorFingerprint" text, "skipReason" text, "dueInMs" float8, "waitsFor" text,
      backfill text, revision integer, seen jsonb)),
  unchanged AS (
    SELECT p.id FROM outcome o JOIN project p ON p.id = o."projectId" AND p.revision = o.revision
     WHERE o."waitsFor" = 'window' FOR SHARE OF p),
  recorded AS (
    UPDATE rollout_project p
       SET state = o.state, attempts = p.attempts + CASE WHEN o.tried THEN 1 ELSE 0 END,
           from_version = least(p.from_version, o."fromVersion"), to_version = coalesce(o."toVersion", p.to_version),
           found_version = coalesce(o."foundVersion", p.found_version),
           duration_ms = coalesce(o."durationMs", p.duration_ms),
           finished_at = CASE WHEN o.state <> 'pending' THEN clock_timestamp() END,
           error = CASE WHEN o.state = 'done' THEN NULL ELSE coalesce(o.error, p.error) END,
           error_fingerprint = CASE WHEN o.state = 'done' THEN NULL
                                    ELSE coalesce(o."errorFingerprint", p.error_fingerprint) END,
           skip_reason = o."skipReason", waits_for = CASE WHEN o.may_wait THEN o."waitsFor" END,
           due_at = CASE WHEN o.may_wait THEN clock_timestamp() + o."dueInMs" * interval '1 ms' END,
           backfill = coalesce(o.backfill, p.backfill), retried = p.retried AND o.state = 'pending'
      FROM (SELECT *, "waitsFor" IS DISTINCT FROM 'window' OR "projectId" IN (SELECT id FROM unchanged) AS may_wait
              FROM outcome) o
     WHERE p.rollout_id = $1 AND p.project_id = o."projectId" AND p.state IN ('pending', 'running')),
  seen AS (
    UPDATE tenant_database t SET schema_version = (o.seen ->> 'schemaVersion')::integer
      FROM outcome o WHERE t.id = (o.seen ->> 'tenantDatabaseId')::uuid
       AND t.schema_version <> (o.seen ->> 'schemaVersion')::integer
       AND (t.schema_version < (o.seen ->> 'schemaVersion')::integer OR t.schema_version = (o.seen ->> 'thought')::integer)),
  begun AS (
    UPDATE rollout_project p SET state = 'running', started_at = clock_timestamp(), due_at = NULL, waits_for = NULL
      FROM held WHERE held.state = 'running' AND p.rollout_id = held.id AND p.project_id = ANY ($4::uuid[])
       AND p.state = 'pending' RETURNING p.project_id)
SELECT held.state, coalesce((SELECT array_agg(project_id::text) FROM begun), '{}') AS begun FROM held`;

/** `$1` the rollout, `$2` whether only retried ones, `$3` clusters to leave alone, `$4` how many. */
export const backfillsStatement = `
SELECT rp.project_id, t.cluster_id, t.database_name, t.schema_version, p.maintenance_window, p.revision,
       ${isBusy} AS is_busy,
       (SELECT min(e.from_version) FROM rollout_project e
         WHERE e.project_id = rp.project_id AND e.backfill IN ('pending', 'failed')) AS from_version
  FROM rollout_project rp JOIN project p ON p.id = rp.project_id AND p.state NOT IN ('archived', 'deleted')
  JOIN tenant_database t ON t.project_id = rp.project_id AND t.state = 'claimed'
 WHERE rp.rollout_id = $1 AND rp.state = 'done' AND rp.backfill = 'pending'
   AND (rp.retried OR NOT $2::boolean) AND t.cluster_id <> ALL ($3::text[])
   AND (rp.due_at IS NULL OR rp.due_at <= clock_timestamp())
 ORDER BY rp.finished_at, rp.project_id LIMIT $4`;

/**
 * `$1` the rollout, `$2` the fence, `$3` the project, `$4` rows, `$5` the state, `$6` and `$7` the failure, `$8` the schema up
 * to which all backfills are done, `$9` in how many ms it is due, `$10` what it waits for, and `$11` the project's
 * revision when its maintenance window was read, which counts as in a turn. What earlier rollouts left undone is done when
 * nothing of what the database has is beyond that schema; and what a later rollout has done meanwhile is not undone by what
 * an aborted one says last.
 */
export const recordBackfillStatement = `
WITH held AS (SELECT id FROM rollout WHERE id = $1 AND fence = $2 FOR SHARE),
  unchanged AS (
    SELECT p.id FROM held JOIN project p ON p.id = $3 AND p.revision = $11 WHERE $10::text = 'window' FOR SHARE OF p),
  outcome AS (
    SELECT $10::text IS DISTINCT FROM 'window' OR EXISTS (SELECT FROM unchanged) AS may_wait FROM held),
  recorded AS (
    UPDATE rollout_project p
       SET backfill = $5, due_at = CASE WHEN may_wait THEN clock_timestamp() + $9 * interval '1 ms' END,
           waits_for = CASE WHEN may_wait THEN $10 END,
           retried = p.retried AND $5 = 'pending', backfill_rows = p.backfill_rows + CASE WHEN p.rollout_id = $1 THEN $4::bigint ELSE 0 END,
           error = coalesce($6::jsonb, CASE WHEN $5 = 'done' THEN NULL ELSE p.error END),
           error_fingerprint = coalesce($7, CASE WHEN $5 = 'done' THEN NULL ELSE p.error_fingerprint END)
      FROM outcome
     WHERE p.project_id = $3
       AND (p.rollout_id = $1 AND p.backfill = 'pending' OR $5 = 'done' AND p.backfill IN ('pending', 'failed') AND NOT EXISTS (
         SELECT FROM tenant_database t
          WHERE t.project_id = $3 AND t.state = 'claimed' AND t.schema_version > $8)))
SELECT id FROM held`;

/** `$1` the schema, `$2` how many to name. New databases are born with the fleet's target. */
export const behindStatement = `
WITH behind AS (
  SELECT p.slug FROM tenant_database t JOIN project p ON p.id = t.project_id
   WHERE t.state IN ('building', 'claimed') AND p.state NOT IN ('archived', 'deleted')
     AND (t.schema_version < $1 OR EXISTS (
       SELECT FROM rollout_project e WHERE e.project_id = p.id AND e.backfill IN ('pending', 'failed')
          AND e.from_version < $1)))
SELECT count(*)::int AS count, coalesce((array_agg(slug ORDER BY slug))[1:$2], '{}') AS slugs,
       (SELECT target_version FROM fleet) AS born_with FROM behind`;
