/**
 * The resources that come along with the matches of a page (https://hl7.org/fhir/R4/search.html#revinclude). One or two
 * statements serve a whole page; `:iterate` takes as many more for each step away from the matches.
 */
import { tooCostly } from '#fhir';
import {
  maxPageBytes,
  planIncludes,
  toSql,
  type IncludePlan,
  type IncludeStart,
  type SearchRequest,
} from '#fhir-search';
import { withReadableContext } from '../rights/guarded-binaries.js';
import { readingsOn } from '../reading/reading-scope.js';
import type { Context } from '../rights/rights.js';
import { shownAmong } from '../rights/shown-fields.js';
import type { StoredVersion } from '../stored-version.js';
import type { Scope } from '../transaction.js';
import { findRows, versionOf, type ShownRow } from './found-rows.js';
import { searchRights } from './search-rights.js';

/** What one page may bring along, and how many steps away from its matches. */
const maxIncluded = 1000;
const maxSteps = 5;

/**
 * What the includes of `request` add to its `matches`, as the caller may see it: each resource once, none that is a
 * match, of what the matches refer to what may be read, and of what refers to them what may be searched. Throws OutcomeError `too-costly` when they are more than an answer holds, and StaleRights.
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
  const included: StoredVersion[] = [];
  let length = 0;
  let starts: IncludeStart[] = matches.map(startAt);
  let includes = request.includes;
  for (let step = 1; step <= maxSteps && starts.length > 0 && includes.length > 0; step++) {
    const plans = planIncludes(planning, includes, starts, tenant.version.resourceTypes, known.size + maxIncluded);
    const added: ShownRow[] = [];
    for (const plan of plans) {
      const { rows, isCut } = await findRows(scope, toSql(plan));
      if (isCut) throw tooManyIncluded();
      const fresh = rows.filter(({ id }) => !known.has(id));
      for (const { id, body } of fresh) {
        known.add(id);
        length += body.length;
      }
      if (length > maxPageBytes) throw tooManyIncluded();
      included.push(...(await shownRows(context, scope, plan.interaction, fresh)));
      added.push(...fresh);
    }
    if (included.length > maxIncluded) throw tooManyIncluded();
    starts = added.map(startAt);
    includes = request.includes.filter(({ iterate }) => iterate);
  }
  return included;
}

async function shownRows(
  context: Context,
  scope: Scope,
  interaction: IncludePlan['interaction'],
  rows: readonly ShownRow[],
): Promise<StoredVersion[]> {
  // Asked of the stored text, before anything is taken out of it.
  const readable = await withReadableContext(context, readingsOn(scope), rows.map(versionOf));
  return shownAmong(context, interaction, readable);
}

const startAt = ({ id, type, fhir_id }: ShownRow): IncludeStart => ({ row: id, type, id: fhir_id });

const tooManyIncluded = () =>
  tooCostly(
    `The page would bring along more than ${maxIncluded} resources, or more than ${maxPageBytes} bytes; ask for fewer matches at a time (_count) or ` +
      'search for the included resources by themselves',
  );
