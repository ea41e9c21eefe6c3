/** The commands for authors of migrations, run as npm runs them. */
import { TENANT_SCHEMA_VERSION, type TenantMigration, tenantMigrations } from '#migrations/tenant';
import { connectOnce, type OwnedConnection } from '#postgres';
import { schemaSteps, type SchemaStep } from '#tenant-schema';
import { aDatabase, type TestDatabase } from '#testing';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { QueryRunner } from 'typeorm';
import { judgeSources } from '../../migrations/authoring/judge-sources.js';
import { testsOnSchema } from '../../migrations/authoring/tests-on-schema.js';
import { upgradeFullDatabase } from '../../migrations/authoring/upgrade.js';

const program = path.resolve('dist/migrations/authoring/main.js');

describe('the commands', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'boxyard-authoring-'));
    cpSync('migrations', path.join(folder, 'migrations'), { recursive: true });
    rmSync(path.join(folder, 'migrations/tenant/released'), { recursive: true, force: true });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function run(...parameters: string[]): { status: number | null; said: string; complained: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...parameters], {
      cwd: folder,
      encoding: 'utf8',
    });
    return { status, said: stdout, complained: stderr };
  }
  const file = (name: string) => path.join(folder, 'migrations/tenant', name);

  test('a migration is made in the house form and put into the index; until it says something, it does not pass', () => {
    expect(run('create', 'tenant', 'add-slot')).toMatchObject({
      status: 0,
      said: expect.stringContaining('add-slot.ts'),
    });
    const made = readdirSync(path.join(folder, 'migrations/tenant')).find((name) => name.endsWith('-add-slot.ts'));
    expect(readFileSync(file(made ?? ''), 'utf8')).toContain('implements TenantMigration');
    expect(readFileSync(file('index.ts'), 'utf8')).toMatch(/^ {2}AddSlot\d{13},\n\];$/m);
    // The built programs do not know it yet, which is what they would say of a file that is not in the index.
    expect(run('check')).toMatchObject({ status: 1, complained: expect.stringContaining('index') });
    expect(run('create', 'tenant', 'add-slot')).toMatchObject({
      status: 1,
      complained: expect.stringContaining('already'),
    });
    expect(run('create', 'control', 'add-slot')).toMatchObject({ status: 0 });
  });

  test('who calls them in another way is told how', () => {
    for (const parameters of [
      ['create', 'fleet', 'x'],
      ['check', '--all'],
    ]) {
      expect(run(...parameters)).toMatchObject({ status: 2, complained: expect.stringContaining('usage: npm run') });
    }
  });

  test('what was released passes, and once edited it does not', () => {
    expect(run('release')).toMatchObject({ status: 0, said: expect.stringContaining(`${TENANT_SCHEMA_VERSION} (`) });
    expect(run('release')).toMatchObject({ status: 1, complained: expect.stringContaining('already') });
    const checked = run('check');
    expect(checked).toMatchObject({ status: 0, complained: '' });
    expect(checked.said).toMatch(/^again {6}nothing changes$/m);

    const newest = file(`released/${TENANT_SCHEMA_VERSION}.json`);
    const released = JSON.parse(readFileSync(newest, 'utf8'));
    writeFileSync(newest, JSON.stringify({ ...released, checksum: 'f'.repeat(64) }));
    expect(run('check')).toMatchObject({ status: 1, complained: expect.stringContaining('edited since') });
  });
});

test('the tests that run on both schemas are those of the store and of the data plane, and no others', () => {
  const { status, stdout } = spawnSync(
    process.execPath,
    ['node_modules/jest/bin/jest.js', '--listTests', ...testsOnSchema],
    { encoding: 'utf8' },
  );
  const listed = stdout.split('\n').map((file) => path.basename(file, '.test.js'));
  expect(status).toBe(0);
  expect(listed).toEqual(
    expect.arrayContaining([
      ...['store-create', 'store-history', 'search-rights', 'bundle-transaction'],
      ...['data-plane-auth', 'data-plane-fhir', 'data-plane-rest', 'data-plane-operations'],
      ...['admin-members', 'policy-graphql', 'async-jobs', 'bulk-export', 'smart-launch'],
    ]),
  );
  expect(listed.filter((name) => /^(cli|control|platform|rollout|schema)-/.test(name))).toEqual([]);
});

describe('the upgrade of a full database', () => {
  let database: TestDatabase;
  let owner: OwnedConnection;
  beforeEach(async () => {
    database = await aDatabase();
    owner = await connectOnce(database.url);
  });
  afterEach(async () => {
    await owner.close();
    await database.drop();
  });

  type Settings = Partial<Pick<TenantMigration, 'phase' | 'backfill'>>;
  async function withStep(statements: string[], settings: Settings = {}): Promise<SchemaStep[]> {
    class Step1999999999999 implements TenantMigration {
      readonly name = 'Step1999999999999';
      readonly phase = settings.phase ?? 'expand';
      readonly backfill = settings.backfill;
      async up(runner: QueryRunner): Promise<void> {
        for (const statement of statements) await runner.query(statement);
      }
      async down(): Promise<void> {
        throw new Error('never');
      }
    }
    return schemaSteps([...tenantMigrations, Step1999999999999]);
  }

  test('meets rows in every table, and runs backfills to their end', async () => {
    const batch = `
      WITH picked AS (SELECT id FROM resource WHERE id > coalesce($1::bigint, 0) ORDER BY id LIMIT $2), changed AS (
        UPDATE resource SET label = 'filled in' WHERE id IN (SELECT id FROM picked))
      SELECT max(id)::text AS watermark, count(*)::integer AS rows FROM picked`;
    const steps = await withStep(['ALTER TABLE resource ADD label text'], {
      backfill: { batch, batchSize: 1_000, pauseMs: 0 },
    });
    const { problems, rows, durations } = await upgradeFullDatabase(owner, steps, TENANT_SCHEMA_VERSION);
    expect(problems).toEqual([]);
    expect(rows).toBeGreaterThan(30_000);
    expect(durations.at(-1)).toBe('its backfill 3000 rows');
  });

  test('finds what only fails where there are rows', async () => {
    const steps = await withStep(['ALTER TABLE resource ADD CONSTRAINT k CHECK (version < 100)']);
    await expect(upgradeFullDatabase(owner, steps, TENANT_SCHEMA_VERSION)).rejects.toMatchObject({
      failure: { code: '23514', statement: { number: 1 } },
    });
  });

  test('finds rows that an expand migration has removed', async () => {
    const steps = await withStep(['DELETE FROM resource_text']);
    const { problems } = await upgradeFullDatabase(owner, steps, TENANT_SCHEMA_VERSION);
    expect(problems).toEqual(['resource_text had 3000 rows and has 0, after expand migrations.']);
  });

  test('a release after the first one brings one migration, which its data planes can serve the databases without', async () => {
    const one = await withStep(['ALTER TABLE resource ADD label text']);
    const two = [...one, { ...one.at(-1)!, version: one.length + 1, name: 'Step2000000000000' }];
    const names = two.map(({ name }) => `${name.slice(-13)}-x.ts`);
    const released = one.slice(0, -1).map((step) => ({ ...step, schema: [] }));
    expect(await judgeSources(one, released, names.slice(0, -1))).toEqual([]);
    expect(await judgeSources(two, released, names)).toEqual([
      expect.stringMatching(/^Step1999999999999, Step2000000000000: a release brings one migration/),
    ]);
    expect(await judgeSources(two, [], names)).toEqual([]);
  });

  test('what is written is judged before any database is made', async () => {
    const steps = await withStep(['CREATE INDEX resource_body ON resource (body)', 'ALTER TABEL resource']);
    const names = steps.map(({ name }) => `${name.slice(-13)}-x.ts`);
    expect(await judgeSources(steps, [], names)).toEqual(['Step1999999999999: syntax error at or near "TABEL"']);
    const indexed = await withStep(['CREATE INDEX resource_body ON resource (body)']);
    const [problem, ...others] = await judgeSources(indexed, [], names);
    expect(problem).toContain(
      'Step1999999999999, statement 1: CREATE INDEX on resource blocks writes while all of it is read.',
    );
    expect(problem).toContain('-- waiver: blocking-index: <why>');
    expect(others).toEqual([]);
    expect(await judgeSources(indexed, [], names.slice(1))).toContainEqual(expect.stringContaining('its index has'));
  });
});
