/**
 * How long the audit is kept: the setting `auditRetentionDays` of the Project. Without one of the operator it is kept for
 * ever.
 */
import { badRequest, isJsonObject, type JsonObject } from '#fhir';
import { compiledSql, sql } from '#postgres';
import type { TenantDatabase } from '../tenant-database.js';
import { inTransaction } from '../transaction.js';

/** The name of the entry, in one of `lists`. */
export const auditRetentionSetting = 'auditRetentionDays';
/** The database refuses less (see expire_audit in the tenant migrations). */
const minDays = 30;
const maxDays = 36_500;
/** Rows that are removed at a time. */
const maxRemoved = 10_000;

/** The lists in which the setting may stand: the operator's, and that of the project's administrators. */
const lists = ['systemSetting', 'setting'] as const;

/**
 * For how many days the project keeps its audit; undefined: for ever. Only the operator can have it removed at all, and
 * that setting is the least that there is: administrators, of whom the audit tells too, can only ask for more. What is
 * not a number of days between 30 and 36,500 does not count.
 */
function auditRetentionDays(project: JsonObject): number | undefined {
  const operators = settingsOf(project, 'systemSetting').filter(isRetention);
  if (operators.length === 0) return undefined;
  return Math.max(...operators, ...settingsOf(project, 'setting').filter(isRetention));
}

/** Throws 400 when the Project has the setting with another value than a number of days between 30 and 36,500. */
export function assertAuditRetention(project: JsonObject): void {
  for (const list of lists) {
    if (settingsOf(project, list).every(isRetention)) continue;
    throw badRequest(`${auditRetentionSetting} takes a valueInteger from ${minDays} to ${maxDays}`, {
      code: 'value',
      expression: [`Project.${list}`],
    });
  }
}

/**
 * Removes the oldest rows that the tenant's project need not keep any more, a bounded number at a time, and returns how many
 * they were. They must have been sealed; the seals of the others hold as before. Once a change of the setting has been
 * answered, nothing is removed any more that it says is kept: a change of the Project is a change of rights, and those wait
 * for this transaction or this one for them.
 */
export async function expireAudit(tenant: TenantDatabase): Promise<number> {
  return inTransaction(tenant, {}, false, async ({ connection }) => {
    const [project] = await connection.query<{ body: string }>(
      compiledSql({
        name: 'store_audit_retention',
        text: `SELECT body FROM resource WHERE type = 'Project' AND fhir_id = $1 AND NOT deleted`,
        values: [tenant.projectId],
      }),
    );
    const days = project === undefined ? undefined : auditRetentionDays(JSON.parse(project.body) as JsonObject);
    if (days === undefined) return 0;
    const [row] = await connection.query<{ removed: string }>(
      sql`SELECT expire_audit(${days}::integer, ${maxRemoved}::bigint) AS removed`,
    );
    return Number(row?.removed ?? 0);
  });
}

/** The values of the setting in one of the lists. */
function settingsOf(project: JsonObject, list: (typeof lists)[number]): unknown[] {
  const settings = project[list];
  if (!Array.isArray(settings)) return [];
  return settings
    .filter(isJsonObject)
    .filter(({ name }) => name === auditRetentionSetting)
    .map(({ valueInteger }) => valueInteger);
}

const isRetention = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= minDays && value <= maxDays;
