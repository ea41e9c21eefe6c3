import { createLogger, loadConfig } from '#platform';
import { compiledSql, connectOnce, type OwnedConnection, sql } from '#postgres';
import { schemaDescription } from '#tenant-schema';
import { aDatabase, type CreatedProject, expectStatus, type RunningPlatform, startPlatform } from '#testing';
import { type DataPlane, startDataPlane } from '../../../apps/data-plane/src/start-data-plane.js';
import type { ServedProject } from './steady-traffic.js';

/** The schema of the release before this one. */
export const earlierSchema = 1;

/** What a tenant database says of itself. */
export interface FoundSchema {
  readonly slug: string;
  /** Its rows of applied migrations, the oldest first. */
  readonly versions: readonly { readonly version: number; readonly appliedBy: string; readonly appliedAt: Date }[];
  readonly fingerprint: string;
  readonly lines: readonly string[];
}

/**
 * An installation whose processes are of this release and whose tenant databases are of the release before: how it is
 * between the change of the processes and the rollout. Beside its three servers there is a data plane of the release
 * before, which is not replaced yet.
 */
export class EarlierFleet {
  private constructor(
    readonly platform: RunningPlatform,
    /** The control database, as its administrator. */
    readonly control: OwnedConnection,
    private readonly earlierPlane: DataPlane,
    private readonly drop: () => Promise<void>,
  ) {}

  static async start(): Promise<EarlierFleet> {
    const database = await aDatabase();
    const platform = await startPlatform({ databaseUrl: database.url, apps: ['control-plane'] });
    const control = await connectOnce(database.url);
    // The first control plane has made a fleet of its own release's schema; this one is older than that.
    await control.query(sql`UPDATE fleet SET target_version = ${earlierSchema}`);
    await platform.start('worker');
    await platform.start('data-plane');
    const config = loadConfig({ ...platform.env, DATA_PORT: '0' });
    const logger = createLogger(config, 'data-plane');
    const earlierPlane = await startDataPlane(config, logger, { tenantSchema: earlierSchema });
    return new EarlierFleet(platform, control, earlierPlane, () => database.drop());
  }

  async stop(): Promise<void> {
    await this.earlierPlane.close();
    await this.control.close();
    await this.platform.stop();
    await this.drop();
  }

  /** The project on the data plane of this release, and on the one of the release before. */
  async servedBy(project: CreatedProject): Promise<{ current: ServedProject; earlier: ServedProject }> {
    const authorization = `Bearer ${await this.platform.clientToken(project)}`;
    return {
      current: { fhirUrl: `${project.baseUrl}fhir/R4`, authorization },
      earlier: { fhirUrl: `${this.earlierPlane.url}/p/${project.slug}/fhir/R4`, authorization },
    };
  }

  /** The body of the control plane's answer, which must have this status. */
  async api<T>(method: string, path: string, body?: unknown, status = 200): Promise<T> {
    return (await expectStatus(await this.platform.control(method, path, body), status)) as T;
  }

  /** Works in the tenant database of a project, as its administrator. */
  async inTenant<T>(slug: string, work: (owner: OwnedConnection, roleName: string) => Promise<T>): Promise<T> {
    const [place] = await this.control.query<{ databaseName: string; roleName: string }>(sql`
      SELECT t.database_name AS "databaseName", t.role_name AS "roleName"
        FROM project p JOIN tenant_database t ON t.project_id = p.id AND t.state = 'claimed' WHERE p.slug = ${slug}`);
    const url = new URL(this.platform.databaseUrl);
    url.pathname = `/${place!.databaseName}`;
    const owner = await connectOnce(url.href);
    try {
      return await work(owner, place!.roleName);
    } finally {
      await owner.close();
    }
  }

  /** Looks into the tenant database of a project. */
  look(slug: string): Promise<FoundSchema> {
    return this.inTenant(slug, async (owner, roleName) => ({
      slug,
      versions: await owner.query<FoundSchema['versions'][number]>(sql`
        SELECT version, applied_by AS "appliedBy", applied_at AS "appliedAt" FROM schema_version ORDER BY version`),
      ...(await schemaDescription(owner, roleName)),
    }));
  }
}

/** A statement that a test writes out itself. */
export const statement = (text: string) => compiledSql({ text, values: [] });
