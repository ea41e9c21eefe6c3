import { conflict, preconditionFailed, tooCostly } from '#fhir';
import type { SearchRequest } from '#fhir-search';
import { changesRights, type Context } from '../rights/rights.js';
import { lockCurrent } from '../sql/read.sql.js';
import type { CurrentVersion, StoredVersion } from '../stored-version.js';
import { inTransaction, type Scope } from '../transaction.js';
import { findMatches, typesOf } from './conditional.js';
import type { WriteConditions } from './decide-update.js';
import { deleteLocked } from './writes.js';

/** How many resources one conditional delete may take with it; its transaction keeps changes of rights waiting. */
export const maxConditionalDeletes = 100;
/** How often the search is repeated because others changed what it had found. */
const searches = 3;

/**
 * Deletes what matches `request`, whose count is the most that may. Nothing matches: nothing is deleted. Throws 412 when
 * more do, or when one of the `conditions` does not hold for each of them.
 */
export async function deleteMatches(
  context: Context,
  request: SearchRequest,
  conditions: WriteConditions,
): Promise<StoredVersion[]> {
  const raisesEpoch = typesOf(request).some(({ type }) => changesRights('delete', type));
  return inTransaction(context.tenant, context.caller, raisesEpoch, (scope) =>
    deleteMatchesIn(scope, context, request, conditions),
  );
}

/** The same inside a transaction. */
export async function deleteMatchesIn(
  scope: Scope,
  context: Context,
  request: SearchRequest,
  conditions: WriteConditions,
): Promise<StoredVersion[]> {
  const matches = await lockMatches(scope, context, request);
  // Started together, their statements travel together.
  return Promise.all(matches.map((match) => deleteLocked(scope, context, match, conditions)));
}

/** All that matches, locked, so that each is deleted in the form in which it was found. */
async function lockMatches(scope: Scope, context: Context, request: SearchRequest): Promise<CurrentVersion[]> {
  for (let search = 0; search < searches; search++) {
    const { hits, hasMore } = await findMatches(context, scope, request);
    if (hasMore && hits.length < request.count) throw tooCostly('The matches are too long for one request');
    if (hasMore) {
      throw preconditionFailed(
        `More than ${request.count} resources match; a conditional delete takes at most that many`,
      );
    }
    const locked = await lockCurrent(scope.connection, hits);
    const found = hits.map((hit) => locked.get(`${hit.type}/${hit.id}`));
    if (found.every((version, position) => version?.versionId === hits[position]?.versionId)) {
      return found.filter((version) => version !== undefined);
    }
  }
  throw conflict('Other requests keep changing what the criteria find; try again');
}
