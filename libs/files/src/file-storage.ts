import type { Readable } from 'node:stream';

/** Where a file is. An area belongs to one owner: what is kept for one is never found under another's key. */
export interface FileKey {
  readonly area: string;
  /** Made anew for every content: a name is never used twice. */
  readonly name: string;
}

/** Positions of bytes, counted from 0; both ends belong to the range. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A file that is there. */
export interface StoredFile {
  readonly name: string;
  /** When its content was complete. */
  readonly storedAt: Date;
}

/**
 * Keeps contents under keys. A directory and an object store can both do what it promises; whoever implements it keeps
 * each promise, because a row in a tenant database relies on it. Keys whose parts are not plain names (letters, digits,
 * `-`, `_`) are refused by throwing a RangeError.
 */
export interface FileStorage {
  /**
   * Stores the content. Resolves when it would survive a crash of the machine, and nobody sees any of it before. When
   * `content` or the storage fails, the call rejects and nothing is kept. `content` is read to its end, or ended early.
   */
  put(key: FileKey, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** The bytes, or those of a range that lies within them; undefined when there is no such file. The caller reads or destroys the stream. */
  get(key: FileKey, range?: ByteRange): Promise<Readable | undefined>;
  /** Removes a file; one that is not there is removed already. */
  delete(key: FileKey): Promise<void>;
  /**
   * The files of an area, in an order of the storage's own that stays the same; `after` is a name from which to go on. What
   * is stored or removed meanwhile may be among them or not.
   */
  list(area: string, after?: string): AsyncIterable<StoredFile>;
  /** Removes every file of an area, for good; it may be called again. */
  deleteArea(area: string): Promise<void>;
}

const PLAIN_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Throws a RangeError unless both parts of the key are plain names, which cannot lead out of the storage. */
export function assertFileKey({ area, name }: FileKey): void {
  assertPlainName(area);
  assertPlainName(name);
}

/** Throws a RangeError unless `text` is a plain name. */
export function assertPlainName(text: string): void {
  if (!PLAIN_NAME.test(text)) throw new RangeError('The key of a file is made of plain names.');
}
