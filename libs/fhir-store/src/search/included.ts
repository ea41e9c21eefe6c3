/**
 * The resources that come along with the matches of a page (https://hl7.org/fhir/R4/search.html#revinclude). One or two
 * statements serve a whole page; `:iterate` takes as many more for each step away from the matches.
 */
import { tooCostly } from '#fhir';
import { maxPageBytes, planIncludes, toSql, type IncludeStart, type SearchRequest } from '#fhir-search';
import type { Context } from '../rights.js';
import type { StoredVersion } from '../stored-version.js';
import type { Scope } from '../transaction.js';
import { findRows, versionOf, type ShownRow } from './found-rows.js';
import { searchRights } from './search-rights.js';

/** What one page may bring along, and how many steps away from its matches. */
const maxIncluded = 1000;
const maxSteps = 5;

/**
 * What the includes of `request` add to its `matches`: each resource once, none that is a match, and none that the
 * caller may not read. Throws OutcomeError `too-costly` when they are more than an answer holds, and StaleRights.
 */
export async function findIncluded(
  context: Context,
  scope: Scope,
  request: SearchRequest,
  matches: readonly ShownRow[],
): Promise<StoredVersion[]> {
  const { tenant } = context;
  const planning = { version: tenant.version, hasher: tenant.hasher, restrict: searchRights(context) };
  const known = new Set(matches.map(({ id }) => id));
  const included: ShownRow[] = [];
  let length = 0;
  let starts: IncludeStart[] = matches.map(startAt);
  let includes = request.includes;
  for (let step = 1; step <= maxSteps && starts.length > 0 && includes.length > 0; step++) {
    const plans = planIncludes(planning, includes, starts, tenant.version.resourceTypes, known.size + maxIncluded);
    const added: ShownRow[] = [];
    for (const plan of plans) {
      const { rows, isCut } = await findRows(scope, toSql(plan));
      if (isCut) throw tooManyIncluded();
      for (const row of rows) {
        if (known.has(row.id)) continue;
        known.add(row.id);
        added.push(row);
        length += row.body.length;
      }
      if (length > maxPageBytes) throw tooManyIncluded();
    }
    included.push(...added);
    if (included.length > maxIncluded) throw tooManyIncluded();
    starts = added.map(startAt);
    includes = request.includes.filter(({ iterate }) => iterate);
  }
  return included.map(versionOf);
}

const startAt = ({ id, type, fhir_id }: ShownRow): IncludeStart => ({ row: id, type, id: fhir_id });

const tooManyIncluded = () =>
  tooCostly(
    `The page would bring along more than ${maxIncluded} resources, or more than ${maxPageBytes} bytes; ask for fewer matches at a time (_count) or ` +
      'search for the included resources by themselves',
  );
