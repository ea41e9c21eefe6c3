/**
 * Whose history a caller may see is decided by the resource as it is now, or was before its deletion, whatever stands in
 * the version at hand. So a history of many resources is sieved: the content of each resource on the page is judged.
 */
import { withReadableContext } from '../rights/guarded-binaries.js';
import { isGrantedUnseen } from '../rights/judge-stored.js';
import { judgedVersion } from '../rights/judged.js';
import { readingsOn } from '../reading/reading-scope.js';
import type { Context } from '../rights/rights.js';
import { withoutFields } from '../rights/shown-fields.js';
import { findContents } from '../sql/read.sql.js';
import type { StoredVersion } from '../stored-version.js';
import type { Scope } from '../transaction.js';
import type { HistoryVersion } from './history.sql.js';
import type { Sieve } from './read-history.js';

/** How many resources are read at a time. */
const chunkSize = 50;

/** The sieve of a caller for one request: what it has judged it remembers. */
export function historySieve(context: Context): Sieve {
  const { policy } = context.caller;
  /** By the number of the row: the fields that are hidden; undefined when the history is not granted. */
  const judged = new Map<string, readonly string[] | undefined>();
  const isUnseen = ({ type }: StoredVersion) => isGrantedUnseen(context, 'history', type);

  async function judge(scope: Scope, rowIds: readonly string[]): Promise<void> {
    const { contents, unread } = await findContents(scope.connection, scope.epoch, rowIds);
    const readable = new Set(await withReadableContext(context, readingsOn(scope), [...contents.values()]));
    for (const rowId of rowIds) {
      const content = contents.get(rowId);
      const isReadable = content !== undefined && readable.has(content);
      judged.set(rowId, isReadable ? policy.grantFor('history', judgedVersion(content))?.hiddenFields : undefined);
    }
    if (unread.length > 0) await judge(scope, unread);
  }

  return async (scope, versions) => {
    const unknown = new Set(versions.filter((version) => !isUnseen(version)).map(({ rowId }) => rowId));
    for (const rowId of judged.keys()) unknown.delete(rowId);
    const rowIds = [...unknown];
    for (let at = 0; at < rowIds.length; at += chunkSize) await judge(scope, rowIds.slice(at, at + chunkSize));
    return versions.flatMap((version: HistoryVersion) => {
      const hidden = isUnseen(version) ? [] : judged.get(version.rowId);
      return hidden === undefined ? [] : withoutFields(context, version, hidden);
    });
  };
}
