/** The statements that tell how far rollouts are. */

/**
 * Of the rows `p` of the rollout `$1` that a worker has worked on and is through with. Those that had the schema before say
 * nothing about the pace.
 */
const worked = `p.rollout_id = $1 AND p.state IN ('done', 'failed') AND p.attempts > 0`;

/** Of the backfills of a rollout's project `p`, which is `project`: those of a deleted one are not waited for. */
const openBackfill = `CASE WHEN p.backfill = 'pending' AND project.state = 'deleted' THEN 'none' ELSE p.backfill END`;

/** Of a pending `p`: there is nothing to do but to wait. One whose window has opened stands in line with the others. */
const waits = `(p.waits_for = 'server' OR p.waits_for IN ('window', 'operation') AND p.due_at > statement_timestamp())`;

/** `$1` the rollout, `$2` the bounds of the histogram in ms, `$3` how many slow ones and `$4` how many examples to name. */
export const progressStatement = `
WITH finished AS (
    SELECT max(p.finished_at) AS last, min(p.started_at) AS first FROM rollout_project p WHERE ${worked}),
  minute AS (
    SELECT finished.last, greatest(finished.first, finished.last - interval '1 minute') AS since FROM finished),
  duration AS (
    SELECT p.duration_ms AS ms FROM rollout_project p
     WHERE p.rollout_id = $1 AND p.state = 'done' AND p.duration_ms IS NOT NULL),
  failed AS (
    SELECT p.error_fingerprint AS fingerprint, p.error, p.project_id, p.attempts, project.slug,
           row_number() OVER (PARTITION BY p.error_fingerprint ORDER BY p.finished_at DESC, p.project_id) AS place,
           count(*) OVER (PARTITION BY p.error_fingerprint)::int AS projects
      FROM rollout_project p JOIN project ON project.id = p.project_id
     WHERE p.rollout_id = $1 AND (p.state = 'failed' OR p.state = 'done' AND p.backfill = 'failed' AND p.skip_reason IS NULL))
SELECT clock_timestamp() AS now,
  (SELECT coalesce(json_agg(json_build_object(
            'position', w.position, 'selector', w.selector, 'state', w.state, 'health', w.health,
            'startedAt', w.started_at, 'settledAt', w.settled_at, 'finishedAt', w.finished_at) ORDER BY w.position), '[]')
     FROM rollout_wave w WHERE w.rollout_id = $1) AS waves,
  (SELECT coalesce(json_agg(c), '[]') FROM (
     SELECT p.wave, p.state, ${openBackfill} AS backfill, count(*)::int AS projects
       FROM rollout_project p JOIN project ON project.id = p.project_id
      WHERE p.rollout_id = $1 GROUP BY p.wave, p.state, ${openBackfill}) c) AS counts,
  (SELECT json_build_object('projects', count(*), 'behind', count(*) FILTER (WHERE p.found_version < r.target_version))
     FROM rollout_project p JOIN rollout r ON r.id = p.rollout_id
    WHERE p.rollout_id = $1 AND p.found_version IS NOT NULL) AS verified,
  (SELECT json_build_object('projects', count(*), 'until', max(p.due_at)) FROM rollout_project p
    WHERE p.rollout_id = $1 AND p.state = 'pending' AND ${waits}) AS waiting,
  (SELECT json_build_object(
            'projects', (SELECT count(*) FROM rollout_project p WHERE ${worked} AND p.finished_at >= minute.since),
            'overMs', coalesce(extract(epoch FROM minute.last - minute.since) * 1000, 0),
            'idleMs', extract(epoch FROM clock_timestamp() - minute.last) * 1000)
     FROM minute) AS pace,
  (SELECT json_build_object(
            'p50', percentile_disc(0.5) WITHIN GROUP (ORDER BY duration.ms),
            'p95', percentile_disc(0.95) WITHIN GROUP (ORDER BY duration.ms),
            'max', max(duration.ms),
            'counts', (SELECT json_agg(
                         (SELECT count(*) FROM duration d
                           WHERE (bound.low IS NULL OR d.ms > bound.low) AND (bound.high IS NULL OR d.ms <= bound.high))
                         ORDER BY bound.place)
                         FROM (SELECT b.place, lag(b.ms) OVER (ORDER BY b.place) AS low, b.ms AS high
                                 FROM unnest($2::integer[] || NULL::integer) WITH ORDINALITY AS b (ms, place)) bound))
     FROM duration) AS durations,
  (SELECT coalesce(json_agg(s ORDER BY s."durationMs" DESC, s.project), '[]') FROM (
     SELECT p.project_id AS project, project.slug, p.duration_ms AS "durationMs"
       FROM rollout_project p JOIN project ON project.id = p.project_id
      WHERE p.rollout_id = $1 AND p.duration_ms IS NOT NULL ORDER BY p.duration_ms DESC, p.project_id LIMIT $3) s) AS slowest,
  (SELECT coalesce(json_agg(g ORDER BY g.projects DESC, g.fingerprint), '[]') FROM (
     SELECT f.fingerprint, f.projects, (array_agg(f.error ORDER BY f.place))[1] AS error,
            json_agg(json_build_object('project', f.project_id, 'slug', f.slug, 'attempts', f.attempts) ORDER BY f.place)
              AS examples
       FROM failed f WHERE f.place <= $4 GROUP BY f.fingerprint, f.projects) g) AS failures`;

/** `$1` the rollouts. */
export const standingsStatement = `
SELECT p.rollout_id, p.state, count(*)::int AS projects
  FROM rollout_project p WHERE p.rollout_id = ANY ($1) GROUP BY p.rollout_id, p.state`;

/** `$1` the rollout, `$2` a state, `$3` a wave, `$4` the project behind which the page begins, `$5` how many. */
export const projectsStatement = `
SELECT p.project_id, project.slug, p.cluster_id, p.wave, p.state, p.attempts, p.from_version, p.to_version,
       p.found_version, p.started_at, p.finished_at, p.duration_ms, p.error, p.error_fingerprint, p.skip_reason,
       p.due_at, p.waits_for, p.backfill, p.backfill_rows
  FROM rollout_project p JOIN project ON project.id = p.project_id
 WHERE p.rollout_id = $1 AND ($2::text IS NULL OR p.state = $2) AND ($3::integer IS NULL OR p.wave = $3)
   AND ($4::uuid IS NULL OR p.project_id > $4)
 ORDER BY p.project_id LIMIT $5`;
