import type { QueryRunner } from 'typeorm';
import type { TenantMigration } from './tenant-migration.js';

/**
 * The first schema of a tenant database: all resource types together in few tables with few indexes, because thousands
 * of mostly empty databases share one server. The database's owner runs it; the project's own role owns nothing
 * (see grants.ts).
 *
 * The functions hold what must not depend on the release that calls them: how a write and a change of rights exclude
 * each other, and how audit rows are sealed.
 */
export class TenantBaseline1793232000000 implements TenantMigration {
  readonly name = 'TenantBaseline1793232000000';
  readonly phase = 'expand';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...tables, ...functions, ...closedToEverybodyElse]) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('Tenant databases are never migrated backwards: restore a backup taken before the migration.');
  }
}

const tables = [
  // Which migrations were applied here, by which rollout, with what content, and under which lease. Leases are numbered:
  // who comes with a lower number than has been here was replaced while it slept.
  `CREATE TABLE schema_version (
     version integer PRIMARY KEY,
     name text NOT NULL UNIQUE,
     phase text NOT NULL CHECK (phase IN ('expand', 'contract')),
     checksum text NOT NULL,
     applied_by text NOT NULL,
     fence bigint NOT NULL,
     started_at timestamptz NOT NULL,
     applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
   )`,
  `CREATE TABLE schema_backfill (
     name text PRIMARY KEY,
     fence bigint NOT NULL,
     watermark text,
     rows bigint NOT NULL DEFAULT 0,
     batches bigint NOT NULL DEFAULT 0,
     updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
     finished_at timestamptz
   )`,

  // One sequence numbers every version of every resource, so that a version id is unique in the whole project.
  `CREATE SEQUENCE version_seq AS bigint`,

  `CREATE TABLE security_epoch (
     singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
     epoch bigint NOT NULL
   )`,
  `INSERT INTO security_epoch (epoch) VALUES (1)`,

  // The current version of each resource, deleted ones too. id is the number of its first version, hence creation order.
  `CREATE TABLE resource (
     id bigint PRIMARY KEY,
     type text COLLATE "C" NOT NULL,
     fhir_id text COLLATE "C" NOT NULL,
     version bigint NOT NULL,
     last_updated timestamptz(3) NOT NULL,
     writer xid8 NOT NULL DEFAULT pg_current_xact_id(),
     deleted boolean NOT NULL DEFAULT false,
     body text COLLATE "C" NOT NULL,
     extended_meta text COLLATE "C" NOT NULL DEFAULT '',
     tok uuid[] NOT NULL DEFAULT '{}',
     self uuid NOT NULL,
     sort_texts jsonb NOT NULL DEFAULT '{}',
     CONSTRAINT resource_identity UNIQUE (type, fhir_id)
   )`,
  `CREATE INDEX resource_created ON resource (type, id) WHERE NOT deleted`,
  `CREATE INDEX resource_updated ON resource (type, last_updated, id) WHERE NOT deleted`,
  // For histories only, which show deletions; apart, so that no search walks over deleted resources.
  `CREATE INDEX resource_deleted ON resource (type, last_updated, id) WHERE deleted`,
  // self is what a reference to the resource has as its target, by which chains and includes get from the one to the other.
  `CREATE INDEX resource_self ON resource (self) WHERE NOT deleted`,
  // Measured: without a pending list a create costs a third more; one of 64 KiB (the least there is) costs a search some
  // 20 µs when it is full, one of 256 KiB 100 µs, and makes creates no cheaper.
  `CREATE INDEX resource_tok ON resource USING gin (tok) WITH (fastupdate = on, gin_pending_list_limit = 64)`,

  // Nothing is ever searched by these, so the planner need not know what is in them.
  `ALTER TABLE resource ALTER body SET STATISTICS 0, ALTER extended_meta SET STATISTICS 0`,

  // Superseded versions only: history is the union of this table and the current row, so a create writes one body.
  // superseded is when the next version took this one's place: it was current from last_updated until then.
  `CREATE TABLE resource_history (
     resource_id bigint NOT NULL,
     version bigint NOT NULL,
     type text COLLATE "C" NOT NULL,
     last_updated timestamptz(3) NOT NULL,
     superseded timestamptz(3) NOT NULL,
     writer xid8 NOT NULL,
     deleted boolean NOT NULL,
     body text COLLATE "C" NOT NULL,
     extended_meta text COLLATE "C" NOT NULL,
     PRIMARY KEY (resource_id, version)
   )`,
  `CREATE INDEX resource_history_updated ON resource_history (type, last_updated, resource_id, version)`,

  `ALTER TABLE resource_history ALTER body SET STATISTICS 0, ALTER extended_meta SET STATISTICS 0`,

  // Ordered rows, only for what must be walked in order or by ranges. They exist for current, undeleted versions.
  `CREATE TABLE resource_reference (
     target uuid NOT NULL,
     parameter int4 NOT NULL,
     ord timestamptz,
     resource_id bigint NOT NULL
   )`,
  `CREATE INDEX resource_reference_target ON resource_reference (target, parameter, ord, resource_id)`,
  `CREATE INDEX resource_reference_resource ON resource_reference (resource_id)`,

  `CREATE TABLE resource_string (
     parameter int4 NOT NULL,
     value text COLLATE "C" NOT NULL,
     original text COLLATE "C" NOT NULL,
     resource_id bigint NOT NULL
   )`,
  `CREATE INDEX resource_string_value ON resource_string (parameter, value, resource_id)`,
  `CREATE INDEX resource_string_resource ON resource_string (resource_id)`,

  // Half-open intervals: lower belongs to it, upper does not. Nearly all are regular: at most a day long and the only
  // one of their parameter and resource, so that they are found by lower alone. The others have an index of their own.
  `CREATE TABLE resource_date (
     parameter int4 NOT NULL,
     irregular boolean NOT NULL,
     lower timestamptz NOT NULL,
     upper timestamptz NOT NULL,
     resource_id bigint NOT NULL
   )`,
  `CREATE INDEX resource_date_lower ON resource_date (parameter, lower, resource_id)`,
  `CREATE INDEX resource_date_irregular ON resource_date (parameter, upper, resource_id) WHERE irregular`,
  `CREATE INDEX resource_date_resource ON resource_date (resource_id)`,

  // Numbers, quantities (as written, and in base units) and composites with a number, a quantity or a date in them. Both
  // ends belong to a row. scope is what must be equal besides, a unit or a code; marks are rarer such things. Regular rows
  // are a single number and the only ones of their resource, parameter and scope, so that they are found by lower alone.
  `CREATE TABLE resource_number (
     parameter int4 NOT NULL,
     node smallint NOT NULL,
     irregular boolean NOT NULL,
     scope uuid NOT NULL,
     lower float8 NOT NULL,
     upper float8 NOT NULL,
     resource_id bigint NOT NULL,
     marks uuid[]
   )`,
  `CREATE INDEX resource_number_lower ON resource_number (parameter, scope, lower, resource_id)`,
  `CREATE INDEX resource_number_irregular ON resource_number (parameter, scope, upper, resource_id) WHERE irregular`,
  `CREATE INDEX resource_number_resource ON resource_number (resource_id)`,

  // The words of a resource: those of its narrative have the weight A. Measured: a longer pending list makes inserts no
  // cheaper, and a search among them slower (4 MiB: by 3 ms).
  `CREATE TABLE resource_text (
     resource_id bigint NOT NULL,
     words tsvector NOT NULL
   )`,
  `CREATE INDEX resource_text_resource ON resource_text (resource_id)`,
  `CREATE INDEX resource_text_words ON resource_text USING gin (words) WITH (fastupdate = on, gin_pending_list_limit = 256)`,

  // Credentials live apart from the resources, so that no body and no old version can ever hold one.
  `CREATE TABLE client_secret (
     client_id text COLLATE "C" PRIMARY KEY,
     secret_hash bytea NOT NULL,
     retiring_hash bytea
   )`,
  `CREATE TABLE user_password (
     user_id text COLLATE "C" PRIMARY KEY,
     hash text NOT NULL
   )`,
  // The sealed secret of a person's second factor, NULL when it was taken away; the step of the last code that was
  // accepted, of which and before which none is accepted again; how often the factor was set or taken away; how many codes
  // were tried since one was right or the password was set.
  `CREATE TABLE user_second_factor (
     user_id text COLLATE "C" PRIMARY KEY,
     sealed_secret bytea,
     last_step bigint NOT NULL,
     changes integer NOT NULL,
     tries integer NOT NULL DEFAULT 0
   )`,

  // What a log-in keeps besides its Login resource, which is written when its first tokens are: how far it has come, and
  // the hashes of its code and of its refresh token (the family's part stays, the other part changes at each use).
  `CREATE TABLE login_session (
     login_id text COLLATE "C" PRIMARY KEY,
     details text COLLATE "C" NOT NULL,
     code_hash bytea,
     code_expires_at timestamptz,
     granted boolean NOT NULL DEFAULT false,
     family_hash bytea,
     refresh_hash bytea,
     expires_at timestamptz NOT NULL
   )`,
  `CREATE INDEX login_session_expiry ON login_session (expires_at)`,

  // Keys of what is good once: the secret of a security request as long as its key is here, a client's assertion as long
  // as its key is not. Of one series only the key that was added last is here.
  `CREATE TABLE single_use (
     key bytea PRIMARY KEY,
     series bytea UNIQUE,
     expires_at timestamptz NOT NULL
   )`,

  // When somebody was wrong of late about passwords and secrets, by the hash of what they guessed at and from where, in
  // the order of time. What is being tried at this moment stands here too, and is taken out when it was right. The row goes
  // by last_at, when something was added.
  `CREATE TABLE login_attempt (
     subject bytea PRIMARY KEY,
     failed_at timestamptz[] NOT NULL,
     last_at timestamptz NOT NULL
   )`,
  `CREATE INDEX login_attempt_age ON login_attempt (last_at)`,

  // A change of a Patient's accounts on its way to the resources of its compartment. version is the Patient's version that
  // brought the change; a row that stays was cut short, and is carried over with the next change.
  `CREATE TABLE accounts_change (
     resource_id bigint PRIMARY KEY,
     version bigint NOT NULL,
     added text[] NOT NULL,
     removed text[] NOT NULL
   )`,

  // Requests that are answered later (Prefer: respond-async). starter is with whose rights it is carried out, request what is
  // to be done (NULL when it has ended), watermark how far it has come; request and result are sealed with a key of the
  // project. Whoever carries it out holds the lease and comes with its fence, which grows with each lease: who comes with a
  // lower one was replaced while it slept. takeovers counts the leases that ran out, faults what was unforeseen. removed: it
  // was cancelled or has expired, and its row is there until its files are gone.
  `CREATE TABLE async_job (
     id uuid PRIMARY KEY,
     kind text COLLATE "C" NOT NULL,
     membership text COLLATE "C" NOT NULL,
     starter jsonb NOT NULL,
     request_id text NOT NULL,
     request bytea,
     state text COLLATE "C" NOT NULL DEFAULT 'accepted'
       CHECK (state IN ('accepted', 'active', 'completed', 'failed', 'removed')),
     progress text NOT NULL DEFAULT '',
     watermark jsonb,
     result bytea,
     result_status smallint,
     fence bigint NOT NULL DEFAULT 0,
     takeovers integer NOT NULL DEFAULT 0,
     faults integer NOT NULL DEFAULT 0,
     lease_until timestamptz NOT NULL DEFAULT clock_timestamp(),
     expires_at timestamptz NOT NULL
   )`,

  // action: C create, R read, U update, D delete, E execute. outcome: 0 success, 4 refused, 8 failed (AuditEvent codes).
  // policy is under which rules. subjects tells whose data it was: a line for each patient, of references joined by spaces,
  // the patient's first, behind it the accounts under which the data is filed (a line may have those alone).
  // The key starts with the writing transaction, because rows are sealed by transaction (see seal_audit).
  `CREATE TABLE audit_event (
     id bigint GENERATED ALWAYS AS IDENTITY,
     recorded timestamptz(3) NOT NULL,
     action "char" NOT NULL,
     outcome smallint NOT NULL,
     agent text NOT NULL,
     membership text,
     on_behalf_of text,
     policy text,
     entity text NOT NULL,
     subjects text,
     detail text,
     request_id text,
     writer xid8 NOT NULL DEFAULT pg_current_xact_id(),
     PRIMARY KEY (writer, id)
   )`,
  // The references by which rows are looked up: who, for whom, what, whose. Cut, because an index takes no long values.
  `CREATE FUNCTION audit_keys(agent text, on_behalf_of text, entity text, subjects text) RETURNS text[]
   LANGUAGE sql IMMUTABLE PARALLEL SAFE
   RETURN string_to_array(left(agent, 150) || ' ' || left(split_part(split_part(entity, '?', 1), '/_history', 1), 150)
     || coalesce(' ' || left(on_behalf_of, 150), '') || coalesce(' ' || translate(subjects, E'\\n', ' '), ''), ' ')`,
  // In the order of time, which is that in which rows come, so that it costs a write next to nothing.
  `CREATE UNIQUE INDEX audit_event_recorded ON audit_event (recorded, id)`,
  // Denials are few, and what auditors ask for.
  `CREATE INDEX audit_event_denied ON audit_event (recorded, id) WHERE outcome <> 0`,
  `CREATE INDEX audit_event_keys ON audit_event USING gin (audit_keys(agent, on_behalf_of, entity, subjects))
     WITH (fastupdate = on, gin_pending_list_limit = 256)`,
  // Each seal covers the rows of the transactions from_writer <= writer < until_writer and the hash of the seal before.
  // The first one may have expired_at: its rows, and the seals before it, have been removed (see expire_audit). It stays
  // for its hash, to which the next one is chained.
  `CREATE TABLE audit_seal (
     id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     sealed_at timestamptz(3) NOT NULL,
     from_writer xid8 NOT NULL UNIQUE,
     until_writer xid8 NOT NULL,
     row_count bigint NOT NULL,
     previous_hash bytea,
     hash bytea NOT NULL,
     expired_at timestamptz(3)
   )`,
];

const functions = [
  // A write holds this lock shared until it commits. The epoch is read only after the lock is held: a plpgsql statement
  // takes a new snapshot, so a change of rights that committed while we waited is seen.
  `CREATE FUNCTION begin_write() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
   BEGIN
     PERFORM pg_advisory_xact_lock_shared(1651469921, 1);
     RETURN (SELECT epoch FROM public.security_epoch);
   END $$`,

  // A change of rights waits for every running write and lets none start before it commits: when it has answered, no
  // write under the old rights can follow. The caller sets lock_timeout.
  `CREATE FUNCTION begin_rights_change() RETURNS bigint LANGUAGE plpgsql VOLATILE
   SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
   DECLARE changed bigint;
   BEGIN
     PERFORM pg_advisory_xact_lock(1651469921, 1);
     UPDATE public.security_epoch SET epoch = epoch + 1 RETURNING epoch INTO changed;
     RETURN changed;
   END $$`,

  // Written without any session setting in it (time zone, date style), so that it gives the same bytes everywhere.
  `CREATE FUNCTION audit_digest(previous bytea, from_transaction xid8, until_transaction xid8,
                                OUT row_count bigint, OUT hash bytea)
   LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
     SELECT count(*),
            sha256(coalesce(previous, '') || coalesce(string_agg(sha256(convert_to(
              jsonb_build_array(e.writer::text, e.id, extract(epoch FROM e.recorded), e.action::text, e.outcome,
                                e.agent, e.membership, e.on_behalf_of, e.policy, e.entity, e.subjects, e.detail,
                                e.request_id)::text, 'UTF8')), ''::bytea
              ORDER BY e.writer, e.id), ''))
     FROM public.audit_event e WHERE e.writer >= from_transaction AND e.writer < until_transaction
   $$`,

  // Seals what every transaction below the horizon wrote; later transactions cannot add to that set any more.
  // Returns how many rows were sealed: 0 when there are none or another session is sealing at this moment.
  `CREATE FUNCTION seal_audit() RETURNS bigint LANGUAGE plpgsql VOLATILE
   SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
   DECLARE
     last_seal public.audit_seal;
     horizon xid8;
     digest record;
   BEGIN
     IF NOT pg_try_advisory_xact_lock(1651469921, 2) THEN RETURN 0; END IF;
     horizon := pg_snapshot_xmin(pg_current_snapshot());
     SELECT * INTO last_seal FROM public.audit_seal ORDER BY id DESC LIMIT 1;
     SELECT * INTO digest
       FROM public.audit_digest(last_seal.hash, coalesce(last_seal.until_writer, '0'::xid8), horizon);
     IF digest.row_count = 0 THEN RETURN 0; END IF;
     INSERT INTO public.audit_seal (sealed_at, from_writer, until_writer, row_count, previous_hash, hash)
     VALUES (clock_timestamp(), coalesce(last_seal.until_writer, '0'::xid8), horizon, digest.row_count,
             last_seal.hash, digest.hash);
     RETURN digest.row_count;
   END $$`,

  // Brings the planner's statistics up to date for tables that have at least doubled since. A prepared statement keeps the
  // plan that suited the nearly empty table it was planned for until statistics change, and autovacuum comes by once in
  // some minutes: until then every search would read all of what a new project has just imported.
  // Returns whether anything was done: not while another session is at it.
  `CREATE FUNCTION refresh_statistics() RETURNS boolean LANGUAGE plpgsql VOLATILE
   SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
   DECLARE grown regclass[];
   BEGIN
     SELECT array_agg(c.oid::regclass) INTO grown
     FROM pg_class c
     WHERE c.oid IN ('public.resource'::regclass, 'public.resource_history'::regclass, 'public.resource_reference'::regclass,
                     'public.resource_string'::regclass, 'public.resource_date'::regclass,
                     'public.resource_number'::regclass, 'public.resource_text'::regclass)
       AND pg_relation_size(c.oid) >= 2 * current_setting('block_size')::bigint * greatest(c.relpages, 2);
     IF grown IS NULL OR NOT pg_try_advisory_xact_lock(1651469921, 3) THEN RETURN false; END IF;
     EXECUTE format('ANALYZE (SKIP_LOCKED) %s', array_to_string(grown, ', '));
     RETURN true;
   END $$`,

  // Removes log-ins whose last token has expired a day ago at least, with all their versions, and what could be used once
  // and was not: at most a hundred log-ins, so that it can go along with every new one. Nobody can read a Login, so no
  // history has a gap. Returns how many log-ins were removed.
  `CREATE FUNCTION forget_logins() RETURNS bigint LANGUAGE plpgsql VOLATILE
   SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
   DECLARE
     expired text[];
     numbers bigint[];
   BEGIN
     DELETE FROM public.single_use WHERE expires_at < clock_timestamp();
     SELECT array_agg(s.login_id) INTO expired
       FROM (SELECT login_id FROM public.login_session WHERE expires_at < clock_timestamp() - interval '1 day'
             ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED) s;
     IF expired IS NULL THEN RETURN 0; END IF;
     SELECT array_agg(id) INTO numbers FROM public.resource WHERE type = 'Login' AND fhir_id = ANY (expired);
     DELETE FROM public.resource_reference WHERE resource_id = ANY (numbers);
     DELETE FROM public.resource_string WHERE resource_id = ANY (numbers);
     DELETE FROM public.resource_date WHERE resource_id = ANY (numbers);
     DELETE FROM public.resource_number WHERE resource_id = ANY (numbers);
     DELETE FROM public.resource_text WHERE resource_id = ANY (numbers);
     DELETE FROM public.resource_history WHERE resource_id = ANY (numbers);
     DELETE FROM public.resource WHERE id = ANY (numbers);
     DELETE FROM public.login_session WHERE login_id = ANY (expired);
     RETURN cardinality(expired);
   END $$`,

  // Removes resources for good: all versions, index rows and what was to be carried over. A function, because nobody else
  // may take anything out of the history; what the log of the project is made of it does not remove. Returns how many
  // versions there were.
  `CREATE FUNCTION expunge_resources(numbers bigint[]) RETURNS bigint LANGUAGE plpgsql VOLATILE
   SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
   DECLARE
     superseded bigint;
     current bigint;
   BEGIN
     PERFORM 1 FROM public.resource WHERE id = ANY (numbers) ORDER BY id FOR UPDATE;
     IF EXISTS (SELECT 1 FROM public.resource WHERE id = ANY (numbers) AND type IN ('Project', 'Login', 'AuditEvent')) THEN
       RAISE insufficient_privilege USING MESSAGE = 'Resources of this type are not removed.';
     END IF;
     DELETE FROM public.resource_reference WHERE resource_id = ANY (numbers);
     DELETE FROM public.resource_string WHERE resource_id = ANY (numbers);
     DELETE FROM public.resource_date WHERE resource_id = ANY (numbers);
     DELETE FROM public.resource_number WHERE resource_id = ANY (numbers);
     DELETE FROM public.resource_text WHERE resource_id = ANY (numbers);
     DELETE FROM public.accounts_change WHERE resource_id = ANY (numbers);
     DELETE FROM public.resource_history WHERE resource_id = ANY (numbers);
     GET DIAGNOSTICS superseded = ROW_COUNT;
     DELETE FROM public.resource WHERE id = ANY (numbers);
     GET DIAGNOSTICS current = ROW_COUNT;
     RETURN superseded + current;
   END $$`,

  // What still counts of failures at these times, in the order of time: those before a quarter of an hour without any are
  // forgotten.
  `CREATE FUNCTION counted_failures(failed_at timestamptz[]) RETURNS timestamptz[]
   LANGUAGE sql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
     SELECT failed_at[1 + coalesce(max(f.place) FILTER (WHERE f.until - f.at >= interval '15 minutes'), 0) :]
     FROM (SELECT w.at, w.place, lead(w.at, 1, clock_timestamp()) OVER (ORDER BY w.place) AS until
           FROM unnest(failed_at) WITH ORDINALITY AS w (at, place)) f
   $$`,

  // Begins an attempt to log in, and counts it if it is told to, unless one of its subjects is held back: as a failure until
  // it is taken back, so that many at the same time do not all pass. So many failures of a subject are free; from then on
  // each doubles the pause after it, from a second to a minute. wait_ms is how long the attempt has to wait, 0 when it may
  // go on; counted is what was counted before; began_at is what it was counted as. Attempts with a subject in common are
  // counted one after the other. Who is held back writes nothing; who is counted removes some of what is forgotten.
  `CREATE FUNCTION begin_login_attempt(subjects bytea[], free integer[], counts boolean,
                                       OUT wait_ms integer, OUT counted bigint, OUT began_at timestamptz)
   LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
   BEGIN
     FOR pass IN 1..2 LOOP
       SELECT coalesce(sum(cardinality(c.failed_at)), 0),
              greatest(0, max(ceil(1000 * extract(epoch FROM c.failed_at[cardinality(c.failed_at)] - clock_timestamp() + CASE
                WHEN cardinality(c.failed_at) < w.free THEN interval '0'
                ELSE make_interval(secs => least(60, power(2, least(cardinality(c.failed_at) - w.free, 10)))) END))))
         INTO counted, wait_ms
         FROM unnest(subjects, free) AS w (subject, free)
         JOIN public.login_attempt a ON a.subject = w.subject
         CROSS JOIN LATERAL public.counted_failures(a.failed_at) AS c (failed_at);
       IF wait_ms > 0 OR NOT counts THEN RETURN; END IF;
       EXIT WHEN pass = 2;
       -- Now they are locked, always in the same order, and are looked at again as they are then.
       INSERT INTO public.login_attempt AS a (subject, failed_at, last_at)
       SELECT s.subject, '{}', clock_timestamp() FROM unnest(subjects) AS s (subject) ORDER BY s.subject
       ON CONFLICT (subject) DO UPDATE SET failed_at = public.counted_failures(a.failed_at);
     END LOOP;
     began_at := clock_timestamp();
     -- More than ten that were not free make the pause no longer: the oldest go.
     UPDATE public.login_attempt a
        SET failed_at = (a.failed_at || began_at)[greatest(1, cardinality(a.failed_at) + 2 - w.free - 10) :],
            last_at = began_at
       FROM unnest(subjects, free) AS w (subject, free) WHERE a.subject = w.subject;
     DELETE FROM public.login_attempt WHERE subject IN (
       SELECT o.subject FROM public.login_attempt o WHERE o.last_at < began_at - interval '15 minutes'
        ORDER BY o.last_at LIMIT 10 FOR UPDATE SKIP LOCKED);
   END $$`,

  // Removes the oldest sealed rows that were sealed more than keep_days ago, by whole seals: about max_rows at a time, at
  // least one seal. What is kept can be verified as before, from the last removed seal on. That rows were removed is told
  // by a row. Fewer than 30 days are refused, so that nobody who reaches this function can hide what they have just done.
  // Returns how many rows were removed: 0 when none are due or another session is at work on the seals.
  `CREATE FUNCTION expire_audit(keep_days integer, max_rows bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE
   SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
   DECLARE
     last_due public.audit_seal;
     removed bigint;
   BEGIN
     IF keep_days IS NULL OR keep_days < 30 THEN
       RAISE invalid_parameter_value USING MESSAGE = 'The audit is kept for 30 days at least.';
     END IF;
     IF NOT pg_try_advisory_xact_lock(1651469921, 2) THEN RETURN 0; END IF;
     SELECT s.* INTO last_due FROM public.audit_seal s WHERE s.id = (
       SELECT max(d.id) FROM (
         SELECT o.id, o.sealed_at, sum(o.row_count) OVER w AS rows_so_far, row_number() OVER w AS place
         FROM (SELECT * FROM public.audit_seal WHERE expired_at IS NULL ORDER BY id LIMIT 1000) o
         WINDOW w AS (ORDER BY o.id)
       ) d
       WHERE d.sealed_at < clock_timestamp() - make_interval(days => keep_days)
         AND (d.rows_so_far <= max_rows OR d.place = 1));
     IF last_due.id IS NULL THEN RETURN 0; END IF;
     DELETE FROM public.audit_event WHERE writer < last_due.until_writer;
     GET DIAGNOSTICS removed = ROW_COUNT;
     DELETE FROM public.audit_seal WHERE id < last_due.id;
     UPDATE public.audit_seal SET expired_at = clock_timestamp() WHERE id = last_due.id;
     INSERT INTO public.audit_event (recorded, action, outcome, agent, policy, entity, detail)
     VALUES (clock_timestamp(), 'D', 0, 'system/audit-retention', 'system: audit retention',
             'AuditEvent?_lastUpdated=lt' || to_char(last_due.sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
             removed || ' events were removed after ' || keep_days || ' days');
     RETURN removed;
   END $$`,

  // The id of the first seal that no longer fits its rows or the seal before it; NULL when the whole chain holds. Only the
  // first seal may have expired, and then there is no row of it or from before it.
  `CREATE FUNCTION verify_audit() RETURNS bigint LANGUAGE sql STABLE
   SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
     SELECT s.id
     FROM (SELECT s.*, lag(s.hash) OVER w AS hash_before, lag(s.until_writer, 1, '0'::xid8) OVER w AS until_before
           FROM public.audit_seal s WINDOW w AS (ORDER BY s.id)) s
     CROSS JOIN LATERAL public.audit_digest(s.previous_hash,
       CASE WHEN s.expired_at IS NULL THEN s.from_writer ELSE '0'::xid8 END, s.until_writer) d
     WHERE CASE WHEN s.expired_at IS NULL
       THEN d.hash <> s.hash OR d.row_count <> s.row_count OR s.from_writer <> s.until_before
         OR s.previous_hash IS DISTINCT FROM s.hash_before
       ELSE d.row_count <> 0 OR s.hash_before IS NOT NULL END
     ORDER BY s.id LIMIT 1
   $$`,
];

const closedToEverybodyElse = [
  `REVOKE ALL ON SCHEMA public FROM PUBLIC`,
  `REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC`,
];
