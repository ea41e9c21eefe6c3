/**
 * Many texts in one file: a row of compressed blocks, each with some of them, one a line. A file is read when the first of
 * its texts is asked for, and only the block of that one is unpacked; the few blocks used last are kept, for whoever reads
 * one text often reads its neighbours.
 */
import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

/** The form of an index `<name>-index.br` beside `<name>.br`. The blocks hold the lines in the order of the list. */
interface LineIndex<Key> {
  blocks: { bytes: number; count: number }[];
  resources: Key[];
}

/** One line of an archive. */
export interface PackedLine<Key> {
  /** What the index says of it. */
  readonly key: Key;
  readonly text: () => string;
}

/** The lines of the archive `name` in `folder` (a URL that ends in `/`), in its order. Reads the index alone. */
export function readPackedLines<Key>(folder: URL, name: string): PackedLine<Key>[] {
  const index = unpack(readFileSync(new URL(`${name}-index.br`, folder)));
  const { blocks, resources } = JSON.parse(index) as LineIndex<Key>;
  const archive = new URL(`${name}.br`, folder);
  const found: PackedLine<Key>[] = [];
  let start = 0;
  for (const { bytes, count } of blocks) {
    const block = { archive, start, bytes };
    resources.slice(found.length, found.length + count).forEach((key, line) => {
      found.push({ key, text: () => linesOf(block)[line] ?? '' });
    });
    start += bytes;
  }
  return found;
}

interface Block {
  archive: URL;
  start: number;
  bytes: number;
}

/** One block is about a megabyte of text in memory. */
const maxBlocksKept = 4;
const kept = new Map<string, string[]>();

function linesOf({ archive, start, bytes }: Block): string[] {
  const key = `${archive.href}#${start}`;
  const lines = kept.get(key) ?? unpack(readFileSync(archive).subarray(start, start + bytes)).split('\n');
  kept.delete(key);
  kept.set(key, lines);
  for (const oldest of kept.keys()) {
    if (kept.size <= maxBlocksKept) break;
    kept.delete(oldest);
  }
  return lines;
}

function unpack(packed: Uint8Array): string {
  return brotliDecompressSync(packed).toString();
}
