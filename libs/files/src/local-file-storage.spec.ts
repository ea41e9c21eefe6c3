import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LocalFileStorage } from './local-file-storage.js';

let root: string;
beforeEach(async () => {
  root = path.join(await mkdtemp(path.join(tmpdir(), 'files-')), 'files');
});
afterEach(() => rm(path.dirname(root), { recursive: true }));

async function* content(...parts: string[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part);
}

async function* interrupted(): AsyncGenerator<Buffer> {
  yield Buffer.from('half of ');
  throw new Error('the client went away');
}

async function textOf(stream: AsyncIterable<Uint8Array> | undefined): Promise<string | undefined> {
  if (stream === undefined) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

const key = { area: 'project-1', name: 'file-1' };

test('a file is read as it was put, whole or in part, by its owner alone', async () => {
  const storage = await LocalFileStorage.open(root);
  await storage.put(key, content('first ', 'second'));
  expect(await textOf(await storage.get(key))).toBe('first second');
  expect(await textOf(await storage.get(key, { start: 6, end: 8 }))).toBe('sec');
  const file = await stat(path.join(root, 'project-1', '-1', 'file-1'));
  expect(file.mode & 0o777).toBe(0o600);
  expect((await stat(path.join(root, 'project-1'))).mode & 0o777).toBe(0o700);
});

test('a name in one area says nothing about the same name in another', async () => {
  const storage = await LocalFileStorage.open(root);
  await storage.put(key, content('mine'));
  expect(await storage.get({ ...key, area: 'project-2' })).toBeUndefined();
});

test('an upload that fails leaves nothing', async () => {
  const storage = await LocalFileStorage.open(root);
  await expect(storage.put(key, interrupted())).rejects.toThrow('the client went away');
  expect(await storage.get(key)).toBeUndefined();
  expect(await readdir(path.join(root, '.uploads'))).toEqual([]);
});

test('a deleted file is gone, and may be deleted again', async () => {
  const storage = await LocalFileStorage.open(root);
  await storage.put(key, content('mine'));
  await storage.delete(key);
  await storage.delete(key);
  expect(await storage.get(key)).toBeUndefined();
});

test('an area goes with all its files, and no other does', async () => {
  const storage = await LocalFileStorage.open(root);
  const other = { area: 'project-2', name: 'file-1' };
  for (const each of [key, { ...key, name: 'file-2' }, other]) await storage.put(each, content('x'));
  await storage.deleteArea('project-1');
  await storage.deleteArea('project-1');
  expect([await storage.get(key), await textOf(await storage.get(other))]).toEqual([undefined, 'x']);
  await expect(storage.deleteArea('..')).rejects.toThrow(RangeError);
});

test('the files of an area are listed in one order, with the time at which they were complete', async () => {
  const storage = await LocalFileStorage.open(root);
  const names = async (after?: string) => {
    const found: string[] = [];
    for await (const { name } of storage.list('project-1', after)) found.push(name);
    return found;
  };
  expect(await names()).toEqual([]);
  for (const name of ['2-aa', '1-bb', '1-aa', '3-aa']) await storage.put({ area: 'project-1', name }, content('x'));
  await storage.put({ area: 'project-2', name: 'other' }, content('x'));
  expect(await names()).toEqual(['1-aa', '2-aa', '3-aa', '1-bb']);
  expect(await names('2-aa')).toEqual(['3-aa', '1-bb']);
  for await (const { storedAt } of storage.list('project-1')) {
    expect(Math.abs(storedAt.getTime() - Date.now())).toBeLessThan(60_000);
  }
  const list = async () => {
    for await (const file of storage.list('..')) expect(file).toBeUndefined();
  };
  await expect(list()).rejects.toThrow(RangeError);
});

test('a start removes uploads that were given up, and leaves those of other processes', async () => {
  const storage = await LocalFileStorage.open(root);
  await storage.put(key, content('complete'));
  const abandoned = path.join(root, '.uploads', 'abandoned');
  await writeFile(abandoned, 'half');
  await writeFile(path.join(root, '.uploads', 'running'), 'half');
  const longAgo = new Date(Date.now() - 2 * 60 * 60_000);
  await utimes(abandoned, longAgo, longAgo);
  const again = await LocalFileStorage.open(root);
  expect(await readdir(path.join(root, '.uploads'))).toEqual(['running']);
  expect(await textOf(await again.get(key))).toBe('complete');
});

test.each([
  ['..', 'x'],
  ['a/b', 'x'],
  ['a', '../x'],
  ['a', ''],
  ['a', 'x\0'],
])('the key %j %j is refused', async (area, name) => {
  const storage = await LocalFileStorage.open(root);
  await expect(storage.get({ area, name })).rejects.toThrow(RangeError);
  await expect(storage.put({ area, name }, content('x'))).rejects.toThrow(RangeError);
});
