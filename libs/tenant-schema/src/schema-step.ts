import { createHash } from 'node:crypto';
import type { TenantBackfill, TenantMigration } from '#migrations/tenant';

/** A migration of tenant databases as data: what is sent to each of them, and what is recorded there. */
export interface SchemaStep {
  /** The number of the schema after it; the first migration makes 1. */
  readonly version: number;
  readonly name: string;
  readonly phase: TenantMigration['phase'];
  /** Whether all statements run in one transaction, together with the record of the step. */
  readonly transactional: boolean;
  readonly statementTimeoutMs: number;
  readonly statements: readonly string[];
  readonly backfill?: TenantBackfill;
  /** SHA-256, in hex, of everything above that the database comes to hold; so a backfill's batch can still be mended. */
  readonly checksum: string;
  /** Of earlier contents of this step, which databases may have been given instead. */
  readonly supersedes?: readonly string[];
}

const defaultStatementTimeoutMs = 60_000;

/**
 * Records what the migrations, oldest first, would send. Throws when one does more than send statements, or when two
 * have the same name.
 */
export async function schemaSteps(migrations: readonly (new () => TenantMigration)[]): Promise<SchemaStep[]> {
  const steps: SchemaStep[] = [];
  for (const Migration of migrations) {
    const migration = new Migration();
    if (steps.some(({ name }) => name === migration.name))
      throw new Error(`Two migrations are named ${migration.name}.`);
    steps.push(schemaStep(migration, steps.length + 1, await recordStatements(migration)));
  }
  return steps;
}

function schemaStep(migration: TenantMigration, version: number, statements: readonly string[]): SchemaStep {
  const { name, phase, transaction: transactional = true, backfill, supersedes } = migration;
  const hashed = [version, name, phase, transactional, statements, backfill === undefined ? null : 'backfill'];
  return {
    version,
    name,
    phase,
    transactional,
    statementTimeoutMs: migration.statementTimeoutMs ?? defaultStatementTimeoutMs,
    statements,
    ...(backfill === undefined ? {} : { backfill }),
    ...(supersedes === undefined ? {} : { supersedes }),
    checksum: createHash('sha256').update(JSON.stringify(hashed)).digest('hex'),
  };
}

async function recordStatements(migration: TenantMigration): Promise<string[]> {
  const statements: string[] = [];
  const query = (text: string, parameters?: unknown[]): Promise<never> => {
    if (parameters !== undefined) throw new Error(`${migration.name} sends a statement with parameters: "${text}".`);
    statements.push(text);
    return Promise.resolve(unknowable as never);
  };
  const runner = new Proxy(
    { query },
    {
      get(target, member, receiver) {
        if (member === 'query') return Reflect.get(target, member, receiver) as unknown;
        throw new Error(
          `${migration.name} uses "${String(member)}" of its runner. A tenant migration only calls query().`,
        );
      },
    },
  );
  await migration.up(runner as unknown as Parameters<TenantMigration['up']>[0]);
  return statements;
}

/** What a statement answers while it is only recorded: nothing that could be looked at. */
const unknowable = new Proxy(
  {},
  {
    get(_target, member) {
      if (member === 'then') return undefined;
      throw new Error('A tenant migration cannot look at what a statement answers; use a backfill.');
    },
  },
);
