import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Rollouts: which schema the fleet is to have, who goes when, and what came of it for each tenant database. What a tenant
 * database really has stands in the database itself; `tenant_database.schema_version` is what was last heard of it.
 */
export class Rollouts1795300000000 implements MigrationInterface {
  name = 'Rollouts1795300000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [fleet, rollouts, checks, traffic, announcements]) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('The control database is never migrated backwards; restore a backup instead.');
  }
}

const fleet = `
-- New tenant databases are born with the fleet's target. It is set by the first worker and raised by rollouts.
CREATE TABLE fleet (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  target_version integer NOT NULL CHECK (target_version > 0)
);
ALTER TABLE cluster ADD region text;
ALTER TABLE project
  -- Stays at this schema until the pin ends.
  ADD schema_pin integer CHECK (schema_pin > 0),
  ADD schema_pin_until timestamptz,
  ADD schema_pin_reason text,
  -- When rollouts may work on it, in UTC: {"days": [0..6], "from": "22:00", "until": "04:00"}; null means at any time.
  ADD maintenance_window jsonb;
`;

const rollouts = `
CREATE TABLE rollout (
  id text PRIMARY KEY,
  target_version integer NOT NULL CHECK (target_version > 0),
  state text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'running', 'paused', 'aborted', 'succeeded')),
  -- Why it is paused or aborted: {"code", "message"}.
  reason jsonb,
  plan jsonb NOT NULL,
  -- The wave it is in, from 0; the number of waves once all are through.
  wave integer NOT NULL DEFAULT 0,
  created_by text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  started_at timestamptz(3),
  finished_at timestamptz(3),
  lease_owner text,
  lease_expires_at timestamptz,
  fence bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX rollout_one_at_a_time ON rollout ((true)) WHERE state IN ('running', 'paused');
CREATE INDEX rollout_listed ON rollout (created_at, id);

CREATE TABLE rollout_wave (
  rollout_id text NOT NULL REFERENCES rollout,
  position integer NOT NULL,
  selector jsonb NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'checking', 'passed', 'failed')),
  -- What the health gate measured before and after, and what it said.
  health jsonb,
  started_at timestamptz(3),
  -- When the last of its projects was through, from which moment on its health is watched.
  settled_at timestamptz(3),
  finished_at timestamptz(3),
  PRIMARY KEY (rollout_id, position)
);

CREATE TABLE rollout_project (
  rollout_id text NOT NULL REFERENCES rollout,
  project_id uuid NOT NULL REFERENCES project,
  wave integer NOT NULL,
  cluster_id text NOT NULL REFERENCES cluster,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'done', 'failed', 'skipped')),
  attempts integer NOT NULL DEFAULT 0,
  from_version integer,
  to_version integer,
  -- What its database had, when that was looked into though it was thought to have the target's schema, or was older than was
  -- thought.
  found_version integer,
  started_at timestamptz(3),
  finished_at timestamptz(3),
  duration_ms integer,
  -- A SchemaFailure, and what it has in common with others of its kind.
  error jsonb,
  error_fingerprint text,
  -- Why it is left out; of a done project: why its failed backfills are.
  skip_reason text,
  -- Not before this moment, and what for: the pause between two attempts, the server of its database, which could not be
  -- reached, the opening of its maintenance window, or the end of the operation that works on it. The last two do not hold
  -- up the waves behind it. Of a done project: its backfills.
  due_at timestamptz,
  waits_for text CHECK (waits_for IN ('retry', 'server', 'window', 'operation')),
  -- An operator has put it, or its backfills, back, and it is not through since.
  retried boolean NOT NULL DEFAULT false,
  -- It was migrated, and its wave has passed the health gate since.
  judged boolean NOT NULL DEFAULT false,
  backfill text NOT NULL DEFAULT 'none' CHECK (backfill IN ('none', 'pending', 'done', 'failed')),
  backfill_rows bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (rollout_id, project_id)
);
CREATE INDEX rollout_project_of_wave ON rollout_project (rollout_id, wave, state);
CREATE INDEX rollout_project_of_project ON rollout_project (project_id);
`;

const checks = `
-- Whether a tenant database has the schema that its version stands for, as a worker found it that looked into it. A
-- check is due when nobody has looked since it was asked for.
CREATE TABLE schema_check (
  project_id uuid PRIMARY KEY REFERENCES project,
  requested_at timestamptz(3) NOT NULL,
  checked_at timestamptz(3),
  schema_version integer,
  -- SHA-256, in hex, of the catalog's description.
  fingerprint text,
  -- Lines of the description that are missing (-) or not expected (+); none when all is as it should be.
  differences text[] NOT NULL DEFAULT '{}',
  -- Why nobody could look.
  error text
);
CREATE INDEX schema_check_due ON schema_check (requested_at) WHERE checked_at IS NULL OR checked_at < requested_at;
`;

const traffic = `
-- What each data plane served each project in each ten seconds. latency holds the bounds of libs' histogram as counts.
CREATE UNLOGGED TABLE project_traffic (
  project_id uuid NOT NULL,
  since timestamptz NOT NULL,
  replica text NOT NULL,
  requests integer NOT NULL,
  server_errors integer NOT NULL,
  latency integer[] NOT NULL,
  PRIMARY KEY (since, project_id, replica)
);
CREATE INDEX project_traffic_of_project ON project_traffic (project_id, since);

-- What the projects of a rollout were served before their wave began: project_traffic is forgotten long before a wave
-- need be judged.
CREATE TABLE rollout_traffic (
  rollout_id text NOT NULL REFERENCES rollout,
  project_id uuid NOT NULL,
  requests integer NOT NULL,
  server_errors integer NOT NULL,
  latency integer[] NOT NULL,
  PRIMARY KEY (rollout_id, project_id)
);
`;

const announcements = `
CREATE FUNCTION announce_rollout() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  PERFORM pg_notify('boxyard_rollout', NEW.id);
  RETURN NULL;
END $body$;
CREATE TRIGGER rollout_changed AFTER INSERT OR UPDATE OF state, wave, reason ON rollout
  FOR EACH ROW EXECUTE FUNCTION announce_rollout();

-- A data plane that serves the project must know at once which schema it has now.
CREATE FUNCTION touch_project_of_database() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  UPDATE project SET changed_xid = pg_current_xact_id() WHERE id = NEW.project_id;
  RETURN NULL;
END $body$;
CREATE TRIGGER tenant_schema_changed AFTER UPDATE OF schema_version ON tenant_database
  FOR EACH ROW WHEN (OLD.schema_version IS DISTINCT FROM NEW.schema_version AND NEW.project_id IS NOT NULL)
  EXECUTE FUNCTION touch_project_of_database();
`;
