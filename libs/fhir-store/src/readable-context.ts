import { OutcomeError } from '#fhir';
import { Readings } from './readings.js';
import type { Context } from './rights.js';
import { contextUnreadable, securityContextOf } from './security-context.js';
import type { StoredVersion } from './stored-version.js';
import type { Scope } from './transaction.js';

/**
 * Throws 403 unless the caller may read the security context of the current version, if it has one: whoever may not must
 * not change it either, because they could take the context away. To be called before anything is made of the version.
 */
export async function assertContextReadable(
  context: Context,
  { connection, epoch }: Scope,
  current: StoredVersion | undefined,
): Promise<void> {
  const guard = current === undefined ? undefined : securityContextOf(current);
  if (guard === undefined) return;
  if (guard === 'unknown') throw contextUnreadable();
  const run = <T>(work: (on: Scope['connection']) => Promise<T>) => work(connection);
  try {
    await new Readings(context, { epoch, lookUp: run, run, snapshot: run }).read(guard.type, guard.id);
  } catch (error) {
    // Not there, gone or not granted: all the same to the caller.
    if (error instanceof OutcomeError) throw contextUnreadable();
    throw error;
  }
}
