/**
 * Files in a directory: `<root>/<area>/<end of the name>/<name>`. Contents are written under `<root>/.uploads` first and
 * moved when they are complete and on disk, so that a crash leaves nothing but an unfinished upload, which the next
 * start removes. Only the process's own user can read them.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import {
  assertFileKey,
  assertPlainName,
  type ByteRange,
  type FileKey,
  type FileStorage,
  type StoredFile,
} from './file-storage.js';

const UPLOADS = '.uploads';
/** An upload that was not written to for so long has been given up; another process may still be writing younger ones. */
const ABANDONED_AFTER_MS = 60 * 60_000;
const SHARD_LENGTH = 2;

export class LocalFileStorage implements FileStorage {
  private constructor(private readonly root: string) {}

  /** The storage below `root`, which is made with the first file. Removes what interrupted uploads have left there. */
  static async open(root: string): Promise<LocalFileStorage> {
    await removeAbandoned(path.join(root, UPLOADS));
    return new LocalFileStorage(root);
  }

  async put(key: FileKey, content: AsyncIterable<Uint8Array>): Promise<void> {
    const target = this.pathOf(key);
    const uploads = path.join(this.root, UPLOADS);
    await makeDirectory(uploads);
    const upload = path.join(uploads, randomUUID());
    try {
      await writeDurably(upload, content);
      await makeDirectory(path.dirname(target));
      await rename(upload, target);
    } catch (error) {
      await rm(upload, { force: true });
      throw error;
    }
    await syncDirectory(path.dirname(target));
  }

  async get(key: FileKey, range?: ByteRange): Promise<Readable | undefined> {
    const target = this.pathOf(key);
    // Opened here, so that a file which is missing is told at once and one that is removed meanwhile is read to its end.
    const file = await open(target, 'r').catch(unlessMissing);
    return file === undefined ? undefined : createReadStream(target, { fd: file, ...range });
  }

  async delete(key: FileKey): Promise<void> {
    await rm(this.pathOf(key), { force: true });
  }

  async *list(area: string, after?: string): AsyncGenerator<StoredFile> {
    assertPlainName(area);
    if (after !== undefined) assertPlainName(after);
    const directory = path.join(this.root, area);
    const firstShard = after === undefined ? '' : shardOf(after);
    for (const shard of await namesIn(directory)) {
      if (shard < firstShard) continue;
      for (const name of await namesIn(path.join(directory, shard))) {
        if (after !== undefined && shard === firstShard && name <= after) continue;
        const found = await stat(path.join(directory, shard, name)).catch(unlessMissing);
        if (found !== undefined) yield { name, storedAt: found.mtime };
      }
    }
  }

  async deleteArea(area: string): Promise<void> {
    assertPlainName(area);
    await rm(path.join(this.root, area), { recursive: true, force: true });
  }

  private pathOf(key: FileKey): string {
    assertFileKey(key);
    return path.join(this.root, key.area, shardOf(key.name), key.name);
  }
}

/** The end of a name is its random part; its start is the time in ids that are ordered by it. */
const shardOf = (name: string): string => name.slice(-SHARD_LENGTH);

/** What is in a directory, sorted; nothing when it is not there. */
async function namesIn(directory: string): Promise<string[]> {
  return ((await readdir(directory).catch(unlessMissing)) ?? []).sort();
}

async function writeDurably(target: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(target, 'wx', 0o600);
  try {
    for await (const chunk of content) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function makeDirectory(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (made === undefined) return;
  // A new directory is durable when the one that holds it is; `made` is the first that was missing.
  for (
    let parent = path.dirname(directory);
    parent.length >= path.dirname(made).length;
    parent = path.dirname(parent)
  ) {
    await syncDirectory(parent);
    if (parent === path.dirname(parent)) return;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeAbandoned(uploads: string): Promise<void> {
  const names = await namesIn(uploads);
  const before = Date.now() - ABANDONED_AFTER_MS;
  for (const name of names) {
    const upload = path.join(uploads, name);
    const found = await stat(upload).catch(unlessMissing);
    if (found !== undefined && found.mtimeMs < before) await rm(upload, { force: true });
  }
}

function unlessMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
