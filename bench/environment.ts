import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, connectOnce, sql, startEmbeddedPostgres } from '#postgres';
import { type RunningPlatform, startPlatform } from '#testing';

export interface BenchEnvironment {
  platform: RunningPlatform;
  /** A superuser's connection to the control database. */
  control: Connection;
  /** The superuser's URL of another database of the same server. */
  urlOf: (database: string) => string;
  /** The name of a project's tenant database. */
  tenantDatabaseOf: (projectId: string) => Promise<string>;
}

/**
 * Starts an embedded PostgreSQL with the settings that `npm start` uses (fsync on) and a platform on it, runs `work`,
 * and removes both.
 */
export async function withEnvironment(work: (environment: BenchEnvironment) => Promise<void>): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'boxyard-bench-'));
  // PostgreSQL does not run as root: where it cannot reach the folder, its files would go elsewhere and stay there.
  await chmod(dataDir, 0o755);
  const postgres = await startEmbeddedPostgres({ dataDir, log: { info: () => undefined, warn: () => undefined } });
  const urlOf = (database: string): string => Object.assign(new URL(postgres.url), { pathname: `/${database}` }).href;
  try {
    const platform = await startPlatform({ databaseUrl: postgres.url });
    const control = await connectOnce(postgres.url);
    try {
      const tenantDatabaseOf = async (projectId: string): Promise<string> => {
        const [row] = await control.query<{ database_name: string }>(sql`
          SELECT d.database_name FROM placement p JOIN tenant_database d ON d.id = p.tenant_database_id
          WHERE p.project_id = ${projectId}`);
        if (row === undefined) throw new Error(`project ${projectId} has no tenant database`);
        return row.database_name;
      };
      await work({ platform, control, urlOf, tenantDatabaseOf });
    } finally {
      await control.close();
      await platform.stop();
    }
  } finally {
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}
