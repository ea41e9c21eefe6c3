import type { TenantMigration } from '#migrations/tenant';
import type { QueryRunner } from 'typeorm';
import { schemaSteps } from './schema-step.js';

type Up = (runner: QueryRunner) => Promise<unknown>;
const migration = (up: Up, more: Partial<TenantMigration> = {}): new () => TenantMigration =>
  class implements TenantMigration {
    readonly name = more.name ?? 'Slot';
    readonly phase = more.phase ?? 'expand';
    readonly transaction = more.transaction;
    readonly backfill = more.backfill;
    readonly statementTimeoutMs = more.statementTimeoutMs;
    async up(runner: QueryRunner): Promise<void> {
      await up(runner);
    }
    async down(): Promise<void> {
      throw new Error('never');
    }
  };
const says =
  (...statements: string[]): Up =>
  async (runner) => {
    for (const statement of statements) await runner.query(statement);
  };
const checksum = async (up: Up, more: Partial<TenantMigration> = {}): Promise<string | undefined> =>
  (await schemaSteps([migration(up, more)]))[0]?.checksum;

describe('a migration becomes a step', () => {
  test('with its place as its number and its statements in order', async () => {
    const steps = await schemaSteps([
      migration(says('CREATE TABLE a ()', 'CREATE TABLE b ()'), { name: 'One' }),
      migration(says('VACUUM a'), { name: 'Two', transaction: false, statementTimeoutMs: 5, phase: 'contract' }),
    ]);
    expect(steps).toMatchObject([
      { version: 1, name: 'One', phase: 'expand', transactional: true, statementTimeoutMs: 60_000 },
      { version: 2, name: 'Two', phase: 'contract', transactional: false, statementTimeoutMs: 5 },
    ]);
    expect(steps[0]?.statements).toEqual(['CREATE TABLE a ()', 'CREATE TABLE b ()']);
  });

  test('whose checksum tells every edit of what databases come to hold', async () => {
    const up = says('CREATE TABLE a ()');
    const backfill = { batch: 'SELECT 1', batchSize: 1, pauseMs: 1 };
    const different = await Promise.all([
      checksum(up),
      checksum(says('CREATE TABLE  a ()')),
      checksum(says('CREATE TABLE a ()', 'CREATE TABLE b ()')),
      checksum(up, { name: 'Other' }),
      checksum(up, { phase: 'contract' }),
      checksum(up, { transaction: false }),
      checksum(up, { backfill }),
    ]);
    expect(new Set(different).size).toBe(different.length);
  });

  test('whose checksum does not depend on how fast it is to go, or on how it fills in', async () => {
    const up = says('CREATE TABLE a ()');
    const backfill = { batch: 'SELECT 1', batchSize: 1, pauseMs: 1 };
    expect(await checksum(up, { statementTimeoutMs: 5 })).toBe(await checksum(up));
    expect(await checksum(up, { backfill: { batch: 'SELECT 2', batchSize: 9, pauseMs: 9 } })).toBe(
      await checksum(up, { backfill }),
    );
  });
});

describe('a migration is refused', () => {
  test.each<[string, Up, string]>([
    ['with parameters', (runner) => runner.query('SELECT $1', [1]), 'statement with parameters'],
    ['that does more than send statements', (runner) => runner.createSchema('x'), 'uses "createSchema"'],
    [
      'that looks at an answer',
      async (runner) => ((await runner.query('SELECT 1')) as unknown[])[0],
      'cannot look at what a statement answers',
    ],
  ])('%s', async (_what, up, message) => {
    await expect(schemaSteps([migration(up)])).rejects.toThrow(message);
  });

  test('with the name of another one', async () => {
    await expect(schemaSteps([migration(says('SELECT 1')), migration(says('SELECT 2'))])).rejects.toThrow(
      'are named Slot',
    );
  });
});
