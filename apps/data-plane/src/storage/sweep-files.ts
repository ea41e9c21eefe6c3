/**
 * Removes contents that nothing names. A crash between a file and the row that names it leaves one, and so does a write of
 * which it was unknown whether it was stored.
 */
import { searchBinaryVersions } from '#fhir-store';
import { sealedPlacePattern, sealedPlaceMarker } from '../fhir/binary/binary-text.js';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';

/** A write takes minutes at most. What is younger than this may still be about to be named. */
const MIN_AGE_MS = 24 * 60 * 60_000;
/** Files that are looked at in one run. */
const MAX_FILES = 50_000;

interface SweepOptions {
  readonly now: Date;
  /** The file with which the run before ended. */
  readonly after?: string;
  readonly maxFiles?: number;
  /** Ends the run between two steps. */
  readonly signal?: AbortSignal;
}

export interface SweepResult {
  readonly removed: number;
  /** The file behind which there are more to be looked at. */
  readonly next?: string;
}

/**
 * Removes those files of the project that are older than a day and that no version of a Binary names, current, superseded
 * or before a deletion; a bounded number is looked at. Throws, with nothing removed, when the project's keys do not fit the
 * places that its Binaries name, because then nothing can be said about any file, and when `signal` is aborted.
 */
export async function sweepFiles(
  { binaryContents, database }: Pick<TenantRuntime, 'binaryContents' | 'database'>,
  { now, after, maxFiles = MAX_FILES, signal }: SweepOptions,
): Promise<SweepResult> {
  const unnamed = new Set<string>();
  let looked = 0;
  let last: string | undefined;
  for await (const { name, storedAt } of binaryContents.files(after)) {
    signal?.throwIfAborted();
    if (now.getTime() - storedAt.getTime() >= MIN_AGE_MS) unnamed.add(name);
    last = name;
    if (++looked === maxFiles) break;
  }
  let opened = 0;
  let foreign = 0;
  if (unnamed.size > 0) {
    for await (const { id, found } of searchBinaryVersions(database, sealedPlace)) {
      signal?.throwIfAborted();
      const place = binaryContents.openPlace(id, found);
      if (place === undefined) foreign++;
      else opened++;
      if (place !== undefined) unnamed.delete(place.file);
      if (unnamed.size === 0) break;
    }
  }
  // A single place that does not open was copied from another Binary.
  if (foreign > 0 && opened === 0) throw new Error('No place of a content can be opened with the keys of the project.');
  for (const name of unnamed) await binaryContents.remove(name);
  return { removed: unnamed.size, ...(looked === maxFiles && last !== undefined ? { next: last } : {}) };
}

const sealedPlace = { marker: sealedPlaceMarker, pattern: sealedPlacePattern };
