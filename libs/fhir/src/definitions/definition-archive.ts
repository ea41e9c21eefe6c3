/**
 * The definition resources of a FHIR version as HL7 publishes them. A version has some 1,700 of them, 15 MB of text, so
 * they stay packed: `resources.br` is a row of compressed blocks, and `resources-index.br` tells what is in them. The
 * index is read when definitions are first asked for, a block when one of its resources is; the few blocks used last are
 * kept, for whoever reads one resource often reads its neighbours.
 */
import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

/** The types of resources that describe FHIR itself and that each project can read. */
export type DefinitionType =
  'StructureDefinition' | 'SearchParameter' | 'OperationDefinition' | 'CompartmentDefinition';

/** A definition that is part of a version, not of any project's data. */
export interface DefinitionResource {
  readonly type: DefinitionType;
  readonly id: string;
  readonly url: string;
  readonly name: string;
  /** The values that search parameters with these codes find it by: `url`, `name`, `type`, `code`, `base`, ... */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  /** The resource in the normal form of stored bodies. Its versionId is 0, which no stored resource has. */
  text(): string;
}

/** The form of `resources-index.br`. The blocks hold the resources in the order of the list. */
interface ArchiveIndex {
  blocks: { bytes: number; count: number }[];
  resources: [type: DefinitionType, id: string, keys: Record<string, string[]>][];
}

/** The resources of the archive in `folder` (a URL that ends in `/`), in its order: by type, then by id or url. */
export function readArchive(folder: URL): DefinitionResource[] {
  const { blocks, resources } = JSON.parse(unpack(readFileSync(new URL('resources-index.br', folder)))) as ArchiveIndex;
  const archive = new URL('resources.br', folder);
  const found: DefinitionResource[] = [];
  let start = 0;
  for (const { bytes, count } of blocks) {
    const block = { archive, start, bytes };
    const members = resources.slice(found.length, found.length + count);
    members.forEach(([type, id, keys], line) => {
      const resource = { type, id, url: keys.url?.[0] ?? '', name: keys.name?.[0] ?? '', keys };
      found.push({ ...resource, text: () => linesOf(block)[line] ?? '' });
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
