import type { Cluster } from '#control-database';
import {
  compiledSql,
  type Connection,
  databaseExists,
  dropDatabase,
  identifier,
  revokePublicConnect,
  sql,
} from '#postgres';
import { migrateSchema } from '#tenant-schema';
import { type FleetSchema, templatePrefix } from '../tenant-databases/fleet-schema.js';
import { templateComment } from '../tenant-databases/names.js';
import { withLock } from './advisory-lock.js';
import type { ClusterAdmins } from './cluster-admins.js';

/** Nobody else uses a template that is being built. */
const lockTimeoutMs = 10_000;

/**
 * Makes sure that the cluster has the template of this schema, from which tenant databases are copied. One worker builds
 * it while others wait; what a worker left that died in the middle is thrown away, because only a finished template is
 * marked as one: the mark and the refusal of connections are set by one last statement.
 */
export async function ensureTemplate(
  admins: ClusterAdmins,
  cluster: Cluster,
  schema: FleetSchema,
  version: number,
): Promise<void> {
  const name = schema.templateName(version);
  await admins.use(cluster, (admin) =>
    withLock(admin, `template ${name}`, async () => {
      if (await isFinished(admin, name)) return;
      await dropDatabase(admin, name);
      await createEmpty(admin, name);
      await mark(admin, name, templateComment(cluster.id));
      await revokePublicConnect(admin, name);
      await admins.inDatabase(cluster, name, async (inTemplate) => {
        await migrateSchema(inTemplate, {
          steps: schema.steps,
          target: version,
          expected: 0,
          fence: '0',
          by: 'template',
          lockTimeoutMs,
        });
        await compact(inTemplate);
      });
      await admin.query(sql`ALTER DATABASE ${identifier(name)} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true`);
    }),
  );
}

/**
 * Drops the templates that this installation has made on the cluster and that are of none of these schemas. Whoever needs
 * one after all makes it again. Gives the names of what was dropped.
 */
export async function dropOtherTemplates(
  admins: ClusterAdmins,
  cluster: Cluster,
  schema: FleetSchema,
  needed: readonly number[],
): Promise<string[]> {
  const kept = new Set(needed.map((version) => schema.templateName(version)));
  return admins.use(cluster, async (admin) => {
    const templates = await admin.query<{ name: string }>(sql`
      SELECT datname AS name FROM pg_database
       WHERE starts_with(datname, ${templatePrefix})
         AND shobj_description(oid, 'pg_database') = ${templateComment(cluster.id)}`);
    const dropped = templates.map(({ name }) => name).filter((name) => !kept.has(name));
    for (const name of dropped) {
      await withLock(admin, `template ${name}`, async () => {
        if (!(await databaseExists(admin, name))) return;
        await admin.query(sql`ALTER DATABASE ${identifier(name)} WITH IS_TEMPLATE false`);
        await dropDatabase(admin, name);
      });
    }
    return dropped;
  });
}

async function isFinished(admin: Connection, name: string): Promise<boolean> {
  const [row] = await admin.query<{ finished: boolean }>(
    sql`SELECT datistemplate AND NOT datallowconn AS finished FROM pg_database WHERE datname = ${name}`,
  );
  return row?.finished ?? false;
}

/** Says whose template it is. Neither our names nor our comments hold a quote. */
async function mark(admin: Connection, name: string, comment: string): Promise<void> {
  await admin.query(compiledSql({ text: `COMMENT ON DATABASE "${name}" IS '${comment}'`, values: [] }));
}

/**
 * From template0, so that nothing that somebody put into template1 gets into tenants; with the built-in locale, whose
 * order does not change with the operating system's libraries, so that no index is ever broken by an upgrade of those.
 */
async function createEmpty(admin: Connection, name: string): Promise<void> {
  await admin.query(sql`CREATE DATABASE ${identifier(name)} TEMPLATE template0 STRATEGY WAL_LOG
    ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'`);
}

/** Every copy has the size of the template: without dead catalog rows it is 1 MiB smaller, and frozen rows stay frozen. */
async function compact(inTemplate: Connection): Promise<void> {
  await inTemplate.query(compiledSql({ text: 'VACUUM (FULL, FREEZE, ANALYZE)', values: [] }));
}
