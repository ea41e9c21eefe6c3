import { compiledSql, type Connection } from '#postgres';
import { assertEpoch } from '../caller.js';
import { accountsPrefix } from './account.js';
import { chartType } from './patient-compartment.js';

/** A body that has accounts has them in its first 250 characters; of one that has none nothing is sent. */
const text = `
SELECT e.epoch, r.fhir_id,
       CASE WHEN position('","accounts":[' IN left(r.body, 250)) > 0 THEN left(r.body, ${accountsPrefix}) ELSE '' END AS start
FROM security_epoch e LEFT JOIN resource r ON r.type = '${chartType}' AND r.fhir_id = ANY ($1::text[]) AND NOT r.deleted`;

/**
 * The starts of the bodies of those of the patients that exist, by id; empty for one without accounts. Throws StaleRights.
 */
export async function findPatientStarts(
  connection: Connection,
  epoch: string | undefined,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const rows = await connection.query<{ epoch: string; fhir_id: string | null; start: string }>(
    compiledSql({ name: 'store_patient_accounts', text, values: [ids] }),
  );
  const [first] = rows;
  if (first === undefined) throw new Error('The tenant database has no security epoch.');
  assertEpoch(epoch, first.epoch);
  return new Map(rows.flatMap(({ fhir_id, start }) => (fhir_id === null ? [] : [[fhir_id, start] as const])));
}
