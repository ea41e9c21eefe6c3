/**
 * A Binary that names a security context is for those who may read that context
 * (https://hl7.org/fhir/R4/binary.html#security), in whatever way it is reached.
 */
import type { ReadingScope } from '../reading/reading-scope.js';
import type { Context } from './rights.js';
import { contextUnreadable, securityContextOf } from './security-context.js';
import { shownBy } from './shown-fields.js';
import { findMany, type Identity } from '../sql/read.sql.js';
import type { StoredVersion } from '../stored-version.js';

/**
 * Those of `versions` whose security context the caller may read, and those without one. A context that is not there, or
 * is a Binary with a context of its own, is readable for nobody. One statement, and none when nothing is guarded.
 */
export async function withReadableContext<Version extends StoredVersion>(
  context: Context,
  scope: ReadingScope,
  versions: readonly Version[],
): Promise<Version[]> {
  const guards = new Map(versions.map((version) => [version, securityContextOf(version)]));
  const named = [...guards.values()].filter((guard) => guard !== undefined && guard !== 'unknown');
  if ([...guards.values()].every((guard) => guard === undefined)) return [...versions];
  const readable = await readableAmong(context, scope, named);
  return versions.filter((version) => {
    const guard = guards.get(version);
    return guard === undefined || (guard !== 'unknown' && readable.has(keyOf(guard)));
  });
}

/** Throws 403 unless the caller may read the security context of the version, if it has one. */
export async function assertContextReadable(
  context: Context,
  scope: ReadingScope,
  version: StoredVersion,
): Promise<void> {
  if ((await withReadableContext(context, scope, [version])).length === 0) throw contextUnreadable();
}

async function readableAmong(
  context: Context,
  scope: ReadingScope,
  guards: readonly Identity[],
): Promise<ReadonlySet<string>> {
  const { policy } = context.caller;
  const distinct = [...new Map(guards.map((guard) => [keyOf(guard), guard])).values()];
  const wanted = distinct.filter(({ type }) => policy.grants('read', type));
  if (wanted.length === 0) return new Set();
  const found = await scope.lookUp((connection) => findMany(connection, scope.epoch, wanted));
  const readable = [...found].filter(
    ([, guard]) => securityContextOf(guard) === undefined && shownBy(context, 'read', guard) !== undefined,
  );
  return new Set(readable.map(([key]) => key));
}

const keyOf = ({ type, id }: Identity): string => `${type}/${id}`;
