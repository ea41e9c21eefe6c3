/** What the catalog of a tenant database says, and how two of them differ. */
import { tenantMigrations } from '#migrations/tenant';
import { compiledSql, connectOnce, type OwnedConnection } from '#postgres';
import { describeWithGrants, migrateSchema, schemaDescription, schemaDrift, schemaSteps } from '#tenant-schema';
import { aDatabase, type TestDatabase } from '#testing';
import { aTenant, type TestTenant } from './store.fixture.js';

let tenant: TestTenant;
let template: TestDatabase;
let owner: OwnedConnection;

beforeAll(async () => {
  tenant = await aTenant();
  template = await aDatabase();
  owner = await connectOnce(template.url);
  const steps = await schemaSteps(tenantMigrations);
  await migrateSchema(owner, { steps, target: steps.length, fence: '0', by: 'test', lockTimeoutMs: 1_000 });
});

afterAll(async () => {
  await owner.close();
  await template.drop();
  await tenant.close();
});

const run = (text: string) => owner.query(compiledSql({ text, values: [] }));

/** What a statement does to the description, as a diff; it is undone. */
async function changedBy(...statements: string[]): Promise<string[]> {
  const before = await schemaDescription(owner);
  await run('BEGIN');
  try {
    for (const statement of statements) await run(statement);
    const after = await schemaDescription(owner);
    expect(after.fingerprint === before.fingerprint).toBe(after.lines.join() === before.lines.join());
    return schemaDrift(before.lines, after.lines);
  } finally {
    await run('ROLLBACK');
  }
}

describe('a description', () => {
  test('of a template with grants is that of a project of the same release, whatever its role', async () => {
    const expected = await describeWithGrants(owner);
    const found = await schemaDescription(tenant.owner, tenant.target.user);
    expect(schemaDrift(expected.lines, found.lines)).toEqual([]);
    expect(found.fingerprint).toBe(expected.fingerprint);
    expect(found.lines).toEqual(
      expect.arrayContaining([
        'table resource',
        "column resource.tok uuid[] NOT NULL DEFAULT '{}'::uuid[]",
        'constraint resource.resource_identity UNIQUE (type, fhir_id)',
        'grant SELECT ON table security_epoch TO :tenant_role',
        'sequence version_seq bigint START 1 INCREMENT 1 MINVALUE 1 MAXVALUE 9223372036854775807 CACHE 1',
      ]),
    );
    expect(found.lines.join('\n')).not.toContain(tenant.target.user);
  });

  test('leaves no role and no grant behind', async () => {
    const before = await schemaDescription(owner);
    await describeWithGrants(owner);
    expect((await schemaDescription(owner)).fingerprint).toBe(before.fingerprint);
    expect(await run(`SELECT 1 FROM pg_roles WHERE rolname LIKE 'described\\_%'`)).toEqual([]);
  });

  test('does not depend on data, on statistics or on the order of columns', async () => {
    expect(await changedBy(`INSERT INTO client_secret VALUES ('x', '\\\\x00')`, 'ANALYZE client_secret')).toEqual([]);
    const one = await changedBy('CREATE TABLE t (a integer, b text)');
    const other = await changedBy('CREATE TABLE t (b text)', 'ALTER TABLE t ADD a integer');
    expect(one).toEqual(other);
  });
});

describe('drift', () => {
  test.each([
    ['a table', ['CREATE TABLE slot (id integer)'], ['+ column slot.id integer', '+ table slot']],
    [
      'a dropped column',
      ['ALTER TABLE accounts_change DROP removed'],
      [
        '- column accounts_change.removed text[] NOT NULL',
        '- constraint accounts_change.accounts_change_removed_not_null NOT NULL removed',
      ],
    ],
    [
      'another type',
      ['ALTER TABLE login_session ALTER details TYPE varchar(9) COLLATE "C"'],
      [
        '- column login_session.details text COLLATE "C" NOT NULL',
        '+ column login_session.details character varying(9) COLLATE "C" NOT NULL',
      ],
    ],
    [
      'a default',
      ['ALTER TABLE login_session ALTER granted SET DEFAULT true'],
      [
        '- column login_session.granted boolean NOT NULL DEFAULT false',
        '+ column login_session.granted boolean NOT NULL DEFAULT true',
      ],
    ],
    [
      'a constraint that was not verified',
      ["ALTER TABLE single_use ADD CONSTRAINT k CHECK (key <> '') NOT VALID"],
      ["+ constraint single_use.k CHECK ((key <> '\\x'::bytea)) NOT VALID"],
    ],
    [
      'an index',
      ['DROP INDEX login_session_expiry'],
      [
        '- index login_session_expiry: CREATE INDEX login_session_expiry ON public.login_session USING btree (expires_at)',
      ],
    ],
    [
      'an index that is not valid',
      [`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'login_session_expiry'::regclass`],
      [
        '- index login_session_expiry: CREATE INDEX login_session_expiry ON public.login_session USING btree (expires_at)',
        '+ index login_session_expiry: CREATE INDEX login_session_expiry ON public.login_session USING btree (expires_at) INVALID',
      ],
    ],
    [
      'a right',
      ['GRANT SELECT ON user_password TO PUBLIC', 'GRANT EXECUTE ON FUNCTION forget_logins() TO PUBLIC'],
      ['+ grant EXECUTE ON function forget_logins() TO PUBLIC', '+ grant SELECT ON table user_password TO PUBLIC'],
    ],
    [
      'a right to a column',
      ['GRANT UPDATE (hash) ON user_password TO PUBLIC'],
      ['+ grant UPDATE ON column user_password.hash TO PUBLIC'],
    ],
    [
      'a trigger',
      [
        'CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
        'REVOKE ALL ON FUNCTION nothing() FROM PUBLIC',
        'CREATE TRIGGER quiet AFTER INSERT ON single_use FOR EACH ROW EXECUTE FUNCTION nothing()',
      ],
      [
        expect.stringMatching(/^\+ function nothing\(\) sha256:[0-9a-f]{64}$/),
        '+ trigger CREATE TRIGGER quiet AFTER INSERT ON public.single_use FOR EACH ROW EXECUTE FUNCTION nothing()',
      ],
    ],
    [
      'the body of a function',
      ['CREATE OR REPLACE FUNCTION begin_write() RETURNS bigint LANGUAGE sql AS $$ SELECT 1::bigint $$'],
      [
        expect.stringMatching(/^- function begin_write\(\) sha256:/),
        expect.stringMatching(/^\+ function begin_write\(\) sha256:/),
      ],
    ],
    [
      'a sequence',
      ['ALTER SEQUENCE version_seq CACHE 20'],
      [
        '- sequence version_seq bigint START 1 INCREMENT 1 MINVALUE 1 MAXVALUE 9223372036854775807 CACHE 1',
        '+ sequence version_seq bigint START 1 INCREMENT 1 MINVALUE 1 MAXVALUE 9223372036854775807 CACHE 20',
      ],
    ],
    [
      'statistics',
      ['CREATE STATISTICS pair ON granted, expires_at FROM login_session'],
      ['+ statistics CREATE STATISTICS public.pair ON granted, expires_at FROM login_session'],
    ],
    [
      'settings of a table and of a column',
      ['ALTER TABLE single_use SET (fillfactor = 70)', 'ALTER TABLE single_use ALTER key SET STATISTICS 7'],
      [
        '- column single_use.key bytea NOT NULL',
        '+ column single_use.key bytea NOT NULL STATISTICS 7',
        '- table single_use',
        '+ table single_use WITH (fillfactor=70)',
      ],
    ],
    [
      'policies, views, types, schemas',
      [
        'ALTER TABLE single_use ENABLE ROW LEVEL SECURITY',
        'CREATE POLICY mine ON single_use USING (true)',
        'CREATE VIEW short AS SELECT key FROM single_use',
        `CREATE TYPE mood AS ENUM ('calm', 'other')`,
        'CREATE DOMAIN positive AS integer NOT NULL CHECK (VALUE > 0)',
        'CREATE SCHEMA aside',
      ],
      [
        '+ policy single_use.mine * USING true',
        '+ schema aside',
        '- table single_use',
        '+ table single_use ROW LEVEL SECURITY',
        "+ type mood ENUM ('calm', 'other')",
        '+ type positive DOMAIN integer NOT NULL CHECK ((VALUE > 0))',
        expect.stringMatching(/^\+ view short sha256:/),
      ],
    ],
  ] as [string, string[], unknown[]][])('shows %s', async (_what, statements, expected) => {
    expect(await changedBy(...statements)).toEqual(expected);
  });
});
