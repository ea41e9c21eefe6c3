import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { EncryptedFiles } from './encrypted-files.js';
import type { ByteRange, FileKey, FileStorage, StoredFile } from './file-storage.js';
import { LocalFileStorage } from './local-file-storage.js';

/** A storage whose bytes a test can look at and change. */
class FilesInMemory implements FileStorage {
  readonly files = new Map<string, Buffer>();

  async put({ area, name }: FileKey, content: AsyncIterable<Uint8Array>): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(part);
    this.files.set(`${area}/${name}`, Buffer.concat(parts));
  }

  async get({ area, name }: FileKey, range?: ByteRange): Promise<Readable | undefined> {
    const bytes = this.files.get(`${area}/${name}`);
    if (bytes === undefined) return undefined;
    const part = range === undefined ? bytes : bytes.subarray(range.start, range.end + 1);
    // In uneven pieces, as a network delivers them.
    return Readable.from(pieces(part, 1_000), { objectMode: false });
  }

  async delete({ area, name }: FileKey): Promise<void> {
    this.files.delete(`${area}/${name}`);
  }

  async *list(area: string): AsyncGenerator<StoredFile> {
    for (const key of this.files.keys()) {
      if (key.startsWith(`${area}/`)) yield { name: key.slice(area.length + 1), storedAt: new Date(0) };
    }
  }

  async deleteArea(area: string): Promise<void> {
    for (const key of this.files.keys()) if (key.startsWith(`${area}/`)) this.files.delete(key);
  }
}

function* pieces(bytes: Buffer, length: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function bytesOf(stream: Promise<Readable>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of await stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

const key = randomBytes(32);
const stream = (bytes: Buffer) => Readable.from(pieces(bytes, 777), { objectMode: false });
const CHUNK = 64 * 1024;

test.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5])(
  '%i bytes come back as they were',
  async (size) => {
    const storage = new FilesInMemory();
    const files = new EncryptedFiles(storage, 'p1', key);
    const bytes = randomBytes(size);
    expect(await files.put('f', stream(bytes))).toBe(size);
    expect((await bytesOf(files.get('f', size))).equals(bytes)).toBe(true);
  },
);

test('every part of a content can be read by itself', async () => {
  const files = new EncryptedFiles(new FilesInMemory(), 'p1', key);
  const bytes = randomBytes(3 * CHUNK + 5);
  await files.put('f', stream(bytes));
  const places = [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 7, bytes.length - 1];
  for (const start of places) {
    for (const end of places.filter((place) => place >= start)) {
      const part = await bytesOf(files.get('f', bytes.length, { start, end }));
      expect([start, end, part.equals(bytes.subarray(start, end + 1))]).toEqual([start, end, true]);
    }
  }
});

test('what is stored does not show the content, nor that two contents are equal', async () => {
  const storage = new FilesInMemory();
  const files = new EncryptedFiles(storage, 'p1', key);
  for (const name of ['one', 'two']) await files.put(name, stream(Buffer.from('a patient has a name')));
  expect(storage.files.get('p1/one')?.includes('patient')).toBe(false);
  expect(storage.files.get('p1/one')?.equals(storage.files.get('p1/two') as Buffer)).toBe(false);
});

test.each<[string, (bytes: Buffer) => Buffer]>([
  ['changed', (bytes) => Buffer.from(bytes.map((byte, at) => (at === 100 ? byte ^ 1 : byte)))],
  ['cut off inside a chunk', (bytes) => bytes.subarray(0, bytes.length - 1)],
  ['cut off behind a chunk', (bytes) => bytes.subarray(0, 2 * (CHUNK + 16))],
  [
    'turned round',
    (bytes) => Buffer.concat([bytes.subarray(CHUNK + 16, 2 * (CHUNK + 16)), bytes.subarray(0, CHUNK + 16)]),
  ],
  ['lost', () => Buffer.alloc(0)],
])('a file that was %s is not given out as the content', async (_what, damage) => {
  const storage = new FilesInMemory();
  const files = new EncryptedFiles(storage, 'p1', key);
  const bytes = randomBytes(2 * CHUNK + 10);
  await files.put('f', stream(bytes));
  storage.files.set('p1/f', damage(storage.files.get('p1/f') as Buffer));
  await expect(bytesOf(files.get('f', bytes.length))).rejects.toMatchObject({ code: 'file-broken' });
});

test('a file is nothing under another key, name or area', async () => {
  const storage = new FilesInMemory();
  await new EncryptedFiles(storage, 'p1', key).put('f', stream(Buffer.from('secret')));
  const sealed = storage.files.get('p1/f') as Buffer;
  storage.files.set('p1/g', sealed);
  storage.files.set('p2/f', sealed);
  const foreign = [
    new EncryptedFiles(storage, 'p1', randomBytes(32)).get('f', 6),
    new EncryptedFiles(storage, 'p1', key).get('g', 6),
    new EncryptedFiles(storage, 'p2', key).get('f', 6),
  ];
  for (const file of foreign) await expect(bytesOf(file)).rejects.toMatchObject({ code: 'file-broken' });
  await expect(new EncryptedFiles(storage, 'p1', key).get('none', 6)).rejects.toMatchObject({ code: 'file-missing' });
});

/** How many descriptors of this process are open on files below `root`. */
function openBelow(root: string): number {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(root);
    } catch {
      // The one with which the directory was read is closed by now.
      return false;
    }
  }).length;
}

/** One that is read only in part may say so with an error; it closes all the same. */
function closed(content: Readable): Promise<void> {
  return new Promise((resolve) => (content.closed ? resolve() : content.once('close', resolve)));
}

test.each([
  ['before the first byte', (content: Readable) => void content.destroy()],
  ['in the middle', (content: Readable) => void content.once('data', () => content.destroy())],
])('a reader that goes away %s leaves no file open', async (_when, goAway) => {
  const root = mkdtempSync(path.join(tmpdir(), 'boxyard-files-test-'));
  try {
    const storage = await LocalFileStorage.open(root);
    const opened: Readable[] = [];
    const get = storage.get.bind(storage);
    storage.get = async (...file) => {
      const sealed = await get(...file);
      opened.push(sealed!);
      return sealed;
    };
    const files = new EncryptedFiles(storage, 'p1', key);
    await files.put('f', stream(randomBytes(5 * CHUNK)));
    const contents = await Promise.all(Array.from({ length: 20 }, () => files.get('f', 5 * CHUNK)));
    expect(openBelow(root)).toBe(20);
    contents.forEach(goAway);
    await Promise.all(contents.map(closed));
    expect(opened.map(({ destroyed }) => destroyed)).toEqual(opened.map(() => true));
    await Promise.all(opened.map(closed));
    expect(openBelow(root)).toBe(0);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
