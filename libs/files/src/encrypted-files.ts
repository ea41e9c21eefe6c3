/**
 * The files of one owner, encrypted. Each file has a key of its own, derived from the owner's key and the file's name,
 * and is a sequence of chunks of 64 KiB, each sealed with AES-256-GCM under its number and whether it is the last: a
 * chunk that is changed, moved, left out or cut off is noticed, and any part can be read without what goes before it.
 * A file's key encrypts one content only, so that numbers are good nonces. Whoever destroys the owner's key has
 * destroyed the contents.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { Readable } from 'node:stream';
import { deriveKey, DomainError } from '#platform';
import type { ByteRange, FileStorage, StoredFile } from './file-storage.js';

const CHUNK_BYTES = 64 * 1024;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;

export class EncryptedFiles {
  /** `key` has 32 secret bytes that belong to the owner of `area` alone. */
  constructor(
    private readonly storage: FileStorage,
    private readonly area: string,
    private readonly key: Buffer,
  ) {}

  /**
   * Stores a content under a name that was never used before, and resolves with its size in bytes once it is durable.
   * Rejects, with nothing kept, when `content` or the storage fails.
   */
  async put(name: string, content: AsyncIterable<Uint8Array>): Promise<number> {
    let size = 0;
    const sealed = sealChunks(this.fileKey(name), content, (bytes) => (size += bytes));
    await this.storage.put({ area: this.area, name }, sealed);
    return size;
  }

  /**
   * The content of `size` bytes that `put` stored, or a part of it. The stream fails when the stored bytes are not what
   * was put; destroying it, read or not, lets go of the file. Throws a DomainError (`internal`, `file-missing`) when there
   * is no such file.
   */
  async get(name: string, size: number, range: ByteRange = { start: 0, end: size - 1 }): Promise<Readable> {
    const lastChunk = Math.max(0, Math.ceil(size / CHUNK_BYTES) - 1);
    const first = Math.floor(range.start / CHUNK_BYTES);
    const end = Math.max(first, Math.floor(range.end / CHUNK_BYTES));
    const sealedEnd = Math.min((end + 1) * SEALED_CHUNK_BYTES, sealedSize(size)) - 1;
    const key = { area: this.area, name };
    const sealed = await this.storage.get(key, { start: first * SEALED_CHUNK_BYTES, end: sealedEnd });
    if (sealed === undefined) {
      throw new DomainError('internal', 'file-missing', `There is no file ${name} in the area ${this.area}.`);
    }
    const chunks = openChunks(this.fileKey(name), sealed, first, end, lastChunk);
    const offset = first * CHUNK_BYTES;
    const content = Readable.from(cut(chunks, range.start - offset, range.end + 1 - offset), { objectMode: false });
    // A generator that was never started has nothing to clean up when it is ended, and would leave the storage's stream open.
    return content.once('close', () => sealed.destroy());
  }

  /** Removes a file; one that is not there is removed already. */
  delete(name: string): Promise<void> {
    return this.storage.delete({ area: this.area, name });
  }

  /** The files there are; `after` is a name from which to go on. */
  list(after?: string): AsyncIterable<StoredFile> {
    return this.storage.list(this.area, after);
  }

  private fileKey(name: string): Buffer {
    return deriveKey(this.key, `boxyard file ${this.area}/${name}`);
  }
}

/** An empty content has one chunk too: what is not sealed could have been cut off. */
function sealedSize(size: number): number {
  return size + Math.max(1, Math.ceil(size / CHUNK_BYTES)) * TAG_BYTES;
}

async function* sealChunks(
  key: Buffer,
  content: AsyncIterable<Uint8Array>,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  let number = 0;
  let waiting: Buffer | undefined;
  for await (const chunk of inChunksOf(CHUNK_BYTES, content)) {
    count(chunk.length);
    // Only when the next one comes is it known that the one before was not the last.
    if (waiting !== undefined) yield sealChunk(key, number++, false, waiting);
    waiting = chunk;
  }
  yield sealChunk(key, number, true, waiting ?? Buffer.alloc(0));
}

async function* openChunks(
  key: Buffer,
  sealed: AsyncIterable<Uint8Array>,
  first: number,
  end: number,
  last: number,
): AsyncGenerator<Buffer> {
  let number = first;
  for await (const chunk of inChunksOf(SEALED_CHUNK_BYTES, sealed))
    yield openChunk(key, number, number++ === last, chunk);
  if (number !== end + 1) throw broken();
}

/** Regroups bytes into pieces of `size`; only the last one may be shorter, and none is empty. */
async function* inChunksOf(size: number, content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = [];
  let held = 0;
  for await (const part of content) {
    let rest = part;
    while (held + rest.length >= size) {
      const taken = rest.subarray(0, size - held);
      yield Buffer.concat([...parts, taken], size);
      rest = rest.subarray(taken.length);
      parts = [];
      held = 0;
    }
    if (rest.length > 0) {
      parts.push(rest);
      held += rest.length;
    }
  }
  if (held > 0) yield Buffer.concat(parts, held);
}

/** The bytes from `start` up to `end` of what the chunks are together. */
async function* cut(chunks: AsyncIterable<Buffer>, start: number, end: number): AsyncGenerator<Buffer> {
  let position = 0;
  for await (const chunk of chunks) {
    const from = Math.max(0, start - position);
    const to = Math.min(chunk.length, end - position);
    if (to > from) yield chunk.subarray(from, to);
    position += chunk.length;
  }
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(number, NONCE_BYTES - 4);
  nonce[0] = isLast ? 1 : 0;
  return nonce;
}

function sealChunk(key: Buffer, number: number, isLast: boolean, plain: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number, isLast));
  const sealed = cipher.update(plain);
  return Buffer.concat([sealed, cipher.final(), cipher.getAuthTag()]);
}

function openChunk(key: Buffer, number: number, isLast: boolean, sealed: Buffer): Buffer {
  if (sealed.length < TAG_BYTES) throw broken();
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number, isLast), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const plain = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch (cause) {
    throw broken(cause);
  }
}

function broken(cause?: unknown): DomainError {
  return new DomainError('internal', 'file-broken', 'A stored file is not what was put there.', { cause });
}
