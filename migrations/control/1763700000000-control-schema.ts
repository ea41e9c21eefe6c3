import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The first schema of the control database: who may act (operator, api_key), where data lives (cluster,
 * tenant_database, placement), what customers own (project, base_url, signing_key, data_key), what is being done
 * (operation, operation_step) and what was done (audit_record).
 *
 * Two promises are kept by triggers, so that no writer can forget them: every change of what a data plane serves
 * stamps `project.changed_xid` and notifies `boxyard_project`; a new operation and the end of one notify
 * `boxyard_operation`, its progress in between notifies `boxyard_operation_step`. Notifications carry ids only.
 */
export class ControlSchema1763700000000 implements MigrationInterface {
  name = 'ControlSchema1763700000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [operators, clusters, projects, connections, operations, requests, audit, triggers]) {
      await runner.query(statement);
    }
  }

  async down(): Promise<void> {
    throw new Error('The control database is never migrated backwards; restore a backup instead.');
  }
}

const operators = `
CREATE TABLE operator (
  id uuid PRIMARY KEY,
  email text NOT NULL UNIQUE CHECK (email = lower(email)),
  password_hash text NOT NULL,
  role text NOT NULL CHECK (role IN ('platform-admin', 'operator', 'auditor')),
  disabled_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE api_key (
  id text PRIMARY KEY,
  operator_id uuid NOT NULL REFERENCES operator,
  name text NOT NULL,
  role text NOT NULL CHECK (role IN ('platform-admin', 'operator', 'auditor')),
  secret_hash bytea NOT NULL UNIQUE,
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX api_key_operator ON api_key (operator_id, id);
CREATE TABLE login_throttle (
  subject text PRIMARY KEY,
  failures integer NOT NULL,
  blocked_until timestamptz NOT NULL DEFAULT '-infinity',
  last_failed_at timestamptz NOT NULL
);
CREATE INDEX login_throttle_age ON login_throttle (last_failed_at);
CREATE UNLOGGED TABLE rate_window (
  subject text NOT NULL,
  window_start timestamptz NOT NULL,
  hits integer NOT NULL,
  PRIMARY KEY (subject, window_start)
);
CREATE INDEX rate_window_age ON rate_window (window_start);
`;

const clusters = `
-- Deleting a data key shreds everything sealed with it, so what refers to it must survive its deletion.
CREATE TABLE data_key (
  id uuid PRIMARY KEY,
  wrapped bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE cluster (
  id text PRIMARY KEY,
  name text NOT NULL UNIQUE,
  host text NOT NULL,
  port integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
  -- How its administrator logs in, sealed with the data key; null means as DATABASE_URL says.
  admin_secret bytea,
  data_key_id uuid REFERENCES data_key ON DELETE SET NULL,
  -- One that is registering is still to be checked by a worker.
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('registering', 'active', 'draining', 'disabled')),
  max_projects integer NOT NULL CHECK (max_projects >= 0),
  max_connections integer NOT NULL CHECK (max_connections > 0),
  reserved_connections integer NOT NULL CHECK (reserved_connections >= 0),
  template_version integer,
  -- Complete spare databases that the worker keeps ready.
  spare_target integer NOT NULL DEFAULT 5 CHECK (spare_target >= 0),
  -- How connections to it are protected, in libpq's words, and the certificates (PEM) that its own must go back to.
  ssl_mode text NOT NULL DEFAULT 'disable' CHECK (ssl_mode IN ('disable', 'require', 'verify-full')),
  ssl_ca text,
  created_at timestamptz NOT NULL DEFAULT now()
);
`;

const projects = `
CREATE TABLE project (
  id uuid PRIMARY KEY,
  slug text NOT NULL,
  name text NOT NULL,
  fhir_version text NOT NULL,
  state text NOT NULL CHECK (state IN ('provisioning', 'failed', 'active', 'suspended', 'stopped', 'maintenance',
    'archived', 'deleting', 'deleted')),
  reason text,
  -- What a project in state maintenance still serves; null counts as offline.
  maintenance_mode text CHECK (maintenance_mode IN ('read-only', 'offline')),
  labels jsonb NOT NULL DEFAULT '{}',
  revision integer NOT NULL DEFAULT 1,
  data_key_id uuid REFERENCES data_key ON DELETE SET NULL,
  previous_state text,
  purge_after timestamptz,
  created_by text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  deleted_at timestamptz(3),
  changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE UNIQUE INDEX project_slug ON project (slug) WHERE state <> 'deleted';
CREATE INDEX project_changed ON project (changed_xid);
CREATE INDEX project_labels ON project USING gin (labels jsonb_path_ops);
CREATE INDEX project_data_key ON project (data_key_id);
CREATE INDEX project_purge_due ON project (purge_after) WHERE state = 'deleting';

CREATE TABLE tenant_database (
  id uuid PRIMARY KEY,
  cluster_id text NOT NULL REFERENCES cluster,
  database_name text NOT NULL UNIQUE,
  role_name text NOT NULL UNIQUE,
  password_sealed bytea NOT NULL,
  data_key_id uuid REFERENCES data_key ON DELETE SET NULL,
  schema_version integer NOT NULL,
  state text NOT NULL CHECK (state IN ('building', 'spare', 'claimed', 'trash', 'dropped')),
  project_id uuid REFERENCES project,
  created_at timestamptz NOT NULL DEFAULT now()
);
-- A retried or doubly claimed creation can never leave a project with two databases in use.
CREATE UNIQUE INDEX tenant_database_of_project ON tenant_database (project_id) WHERE state NOT IN ('trash', 'dropped');
CREATE INDEX tenant_database_state ON tenant_database (state, cluster_id, created_at) WHERE state <> 'claimed';
CREATE INDEX tenant_database_cluster ON tenant_database (cluster_id);
CREATE INDEX tenant_database_data_key ON tenant_database (data_key_id);

CREATE TABLE placement (
  project_id uuid PRIMARY KEY REFERENCES project,
  tenant_database_id uuid NOT NULL UNIQUE REFERENCES tenant_database,
  generation integer NOT NULL
);
-- A name that was given up may be taken again after free_after. Until then that of a renamed project is active and goes
-- on serving it; that of a project that is gone is inactive.
CREATE TABLE base_url (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project_id uuid NOT NULL REFERENCES project,
  kind text NOT NULL CHECK (kind IN ('slug', 'domain')),
  name text NOT NULL UNIQUE,
  canonical boolean NOT NULL,
  active boolean NOT NULL DEFAULT false,
  free_after timestamptz
);
CREATE INDEX base_url_project ON base_url (project_id);
CREATE UNIQUE INDEX base_url_one_canonical ON base_url (project_id) WHERE canonical;
CREATE TABLE signing_key (
  kid text PRIMARY KEY,
  project_id uuid NOT NULL REFERENCES project,
  public_jwk jsonb NOT NULL,
  private_sealed bytea NOT NULL,
  state text NOT NULL CHECK (state IN ('signing', 'verifying', 'revoked')),
  -- When the tokens of a verifying key are good no longer.
  verify_until timestamptz,
  -- Why it was revoked, in words of the operator.
  reason text,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX signing_key_one_signing ON signing_key (project_id) WHERE state = 'signing';
CREATE INDEX signing_key_project ON signing_key (project_id);
`;

const connections = `
-- How many connections to each cluster each running data plane may hold. A crash of the server loses the rows, and the
-- data planes write them again.
CREATE UNLOGGED TABLE connection_share (
  cluster_id text NOT NULL REFERENCES cluster ON DELETE CASCADE,
  replica text NOT NULL,
  -- Its share, or what it still has open when that is more.
  held integer NOT NULL CHECK (held >= 0),
  seen_at timestamptz NOT NULL,
  PRIMARY KEY (cluster_id, replica)
);

-- Says that replica "me" is alive, what it has open (cluster: connections), and gives its share of each cluster: an
-- equal part of the budget among the replicas that are alive, yet no more than the others have left free, so that
-- nobody takes what another one has not given back. At least one. Whoever frees something or is new tells the others.
CREATE FUNCTION take_connection_shares(me text, opened jsonb, dead_after interval)
  RETURNS TABLE (cluster text, share integer) LANGUAGE plpgsql VOLATILE AS $body$
DECLARE
  budget integer;
  others bigint;
  taken bigint;
  held_before integer;
  held_now integer;
  told boolean;
BEGIN
  -- One at a time: each sees what the one before has written, since every statement here has a snapshot of its own.
  PERFORM pg_advisory_xact_lock(7210034402);
  DELETE FROM connection_share s WHERE s.replica <> me AND s.seen_at < clock_timestamp() - dead_after;
  told := FOUND;
  FOR cluster, budget IN
    SELECT c.id, greatest(1, c.max_connections - c.reserved_connections) FROM cluster c ORDER BY c.id
  LOOP
    SELECT count(*), coalesce(sum(s.held), 0) INTO others, taken
      FROM connection_share s WHERE s.cluster_id = cluster AND s.replica <> me;
    SELECT s.held INTO held_before FROM connection_share s WHERE s.cluster_id = cluster AND s.replica = me;
    share := greatest(1, least(budget / (others + 1), budget - taken));
    held_now := greatest(share, coalesce((opened ->> cluster)::integer, 0));
    INSERT INTO connection_share AS s (cluster_id, replica, held, seen_at)
    VALUES (cluster, me, held_now, clock_timestamp())
    ON CONFLICT ON CONSTRAINT connection_share_pkey DO UPDATE SET held = held_now, seen_at = clock_timestamp();
    told := told OR held_before IS NULL OR held_now < held_before;
    RETURN NEXT;
  END LOOP;
  IF told THEN
    PERFORM pg_notify('boxyard_connection_share', me);
  END IF;
END $body$;

CREATE FUNCTION announce_connection_budget() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  PERFORM pg_notify('boxyard_connection_share', '');
  RETURN NULL;
END $body$;
CREATE TRIGGER cluster_budget_changed AFTER INSERT OR UPDATE OF max_connections, reserved_connections ON cluster
  FOR EACH ROW EXECUTE FUNCTION announce_connection_budget();
`;

const operations = `
-- Fencing numbers rise over all operations, so one number names one lease of one operation.
CREATE SEQUENCE operation_fence AS bigint;
CREATE TABLE operation (
  id text PRIMARY KEY,
  kind text NOT NULL,
  project_id uuid REFERENCES project,
  params jsonb NOT NULL DEFAULT '{}',
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  attempt integer NOT NULL DEFAULT 0,
  error jsonb,
  created_by text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  started_at timestamptz(3),
  finished_at timestamptz(3),
  lease_owner text,
  lease_expires_at timestamptz,
  fence bigint NOT NULL DEFAULT 0,
  next_attempt_at timestamptz
);
CREATE UNIQUE INDEX operation_one_per_project ON operation (project_id) WHERE state IN ('queued', 'running');
CREATE INDEX operation_unfinished ON operation (created_at) WHERE state IN ('queued', 'running');
CREATE INDEX operation_project ON operation (project_id);
CREATE TABLE operation_step (
  operation_id text NOT NULL REFERENCES operation,
  position integer NOT NULL,
  name text NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'running', 'done', 'failed')),
  started_at timestamptz(3),
  finished_at timestamptz(3),
  error text,
  PRIMARY KEY (operation_id, name)
);
CREATE TABLE sealed_secret (
  id uuid PRIMARY KEY,
  operation_id text NOT NULL REFERENCES operation,
  kind text NOT NULL,
  sealed bytea NOT NULL,
  claimable_by text NOT NULL,
  expires_at timestamptz NOT NULL,
  UNIQUE (operation_id, kind)
);
CREATE INDEX sealed_secret_expiry ON sealed_secret (expires_at);
`;

const requests = `
CREATE TABLE idempotency_key (
  caller text NOT NULL,
  key text NOT NULL,
  method text NOT NULL,
  path text NOT NULL,
  body_hash bytea NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'answered')),
  reservation uuid NOT NULL,
  reserved_until timestamptz NOT NULL,
  response_status integer,
  response_headers jsonb,
  response_body jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);
`;

const audit = `
CREATE TABLE audit_record (
  id bigint PRIMARY KEY,
  at timestamptz(3) NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  target text NOT NULL,
  before_hash text NOT NULL,
  after_hash text NOT NULL,
  request_id text NOT NULL,
  outcome text NOT NULL,
  previous_hash bytea NOT NULL,
  hash bytea NOT NULL
);
CREATE INDEX audit_record_target ON audit_record (target, id);

-- Appends one record to the hash chain. The lock is held to the end of the caller's transaction, so ids have no gaps
-- and each record names the hash of the one before it. The hashed content is the fields as netstrings
-- (<bytes>:<text>,) followed by the previous hash. Each statement of a volatile function sees what was committed
-- before it, hence the record read after the lock is the last one.
CREATE FUNCTION append_audit_record(
  actor text, action text, target text, before_hash text, after_hash text, request_id text, outcome text
) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $body$
DECLARE
  last_id bigint;
  last_hash bytea;
  stamp timestamptz(3) := clock_timestamp();
  field text;
  content text := '';
BEGIN
  PERFORM pg_advisory_xact_lock(7210034401);
  SELECT r.id, r.hash INTO last_id, last_hash FROM audit_record r ORDER BY r.id DESC LIMIT 1;
  last_id := coalesce(last_id, 0) + 1;
  last_hash := coalesce(last_hash, '\\x'::bytea);
  FOREACH field IN ARRAY ARRAY[
    last_id::text, to_char(stamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    actor, action, target, before_hash, after_hash, request_id, outcome]
  LOOP
    content := content || octet_length(field) || ':' || field || ',';
  END LOOP;
  INSERT INTO audit_record VALUES (last_id, stamp, actor, action, target, before_hash, after_hash, request_id, outcome,
    last_hash, sha256(convert_to(content, 'UTF8') || last_hash));
  RETURN last_id;
END $body$;

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  RAISE EXCEPTION 'audit records are append-only';
END $body$;
CREATE TRIGGER audit_record_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_record
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
`;

const triggers = `
CREATE FUNCTION announce_project() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  NEW.changed_xid := pg_current_xact_id();
  PERFORM pg_notify('boxyard_project', NEW.id::text);
  RETURN NEW;
END $body$;
CREATE TRIGGER project_announced BEFORE INSERT OR UPDATE ON project
  FOR EACH ROW EXECUTE FUNCTION announce_project();

-- Touching the project row runs the trigger above, which stamps and announces it.
CREATE FUNCTION touch_project() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  UPDATE project SET changed_xid = pg_current_xact_id()
   WHERE id = CASE WHEN TG_OP = 'DELETE' THEN OLD.project_id ELSE NEW.project_id END;
  RETURN NULL;
END $body$;
CREATE TRIGGER placement_announced AFTER INSERT OR UPDATE OR DELETE ON placement
  FOR EACH ROW EXECUTE FUNCTION touch_project();
CREATE TRIGGER base_url_announced AFTER INSERT OR UPDATE OR DELETE ON base_url
  FOR EACH ROW EXECUTE FUNCTION touch_project();
CREATE TRIGGER signing_key_announced AFTER INSERT OR UPDATE OR DELETE ON signing_key
  FOR EACH ROW EXECUTE FUNCTION touch_project();

-- The embedded server may listen on another port at each start: every project on it is then reached elsewhere.
CREATE FUNCTION touch_projects_of_cluster() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  UPDATE project SET changed_xid = pg_current_xact_id()
   WHERE id IN (SELECT t.project_id FROM tenant_database t WHERE t.cluster_id = NEW.id AND t.project_id IS NOT NULL);
  RETURN NULL;
END $body$;
CREATE TRIGGER cluster_moved AFTER UPDATE OF host, port, ssl_mode, ssl_ca ON cluster
  FOR EACH ROW WHEN ((OLD.host, OLD.port, OLD.ssl_mode, OLD.ssl_ca)
    IS DISTINCT FROM (NEW.host, NEW.port, NEW.ssl_mode, NEW.ssl_ca))
  EXECUTE FUNCTION touch_projects_of_cluster();

CREATE FUNCTION announce_operation() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  PERFORM pg_notify(TG_ARGV[0], NEW.id);
  RETURN NULL;
END $body$;
CREATE TRIGGER operation_created AFTER INSERT ON operation
  FOR EACH ROW EXECUTE FUNCTION announce_operation('boxyard_operation');
CREATE TRIGGER operation_ended AFTER UPDATE ON operation
  FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state IN ('succeeded', 'failed', 'cancelled'))
  EXECUTE FUNCTION announce_operation('boxyard_operation');
CREATE TRIGGER operation_progressed AFTER UPDATE ON operation
  FOR EACH ROW WHEN ((OLD.state IS DISTINCT FROM NEW.state OR OLD.attempt IS DISTINCT FROM NEW.attempt)
    AND NEW.state IN ('queued', 'running'))
  EXECUTE FUNCTION announce_operation('boxyard_operation_step');

CREATE FUNCTION announce_step() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  PERFORM pg_notify('boxyard_operation_step', NEW.operation_id);
  RETURN NULL;
END $body$;
CREATE TRIGGER operation_step_changed AFTER INSERT OR UPDATE ON operation_step
  FOR EACH ROW EXECUTE FUNCTION announce_step();
`;
