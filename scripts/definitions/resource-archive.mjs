/**
 * The definition resources of a version, as HL7 publishes them but for the narrative (a page of HTML that says the same
 * again and is longer than the rest). They go into blocks of many, each compressed by itself: one resource is read by
 * unpacking one block, and neighbours are alike, so that blocks become small.
 *
 * `resources.br` is the blocks one after the other, each a list of resources, one a line. `resources-index.br` tells
 * what is in them, in the same order, so that a search among them needs no block.
 */
import { Buffer } from 'node:buffer';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

const blockLength = 700_000;

/** The two files, for the resources in the order given. */
export function archiveOf(resources) {
  const published = resources.find(({ meta }) => meta?.lastUpdated !== undefined).meta.lastUpdated;
  const blocks = [];
  let lines = [];
  let length = 0;
  const closeBlock = () => {
    const packed = compress(lines.join('\n'));
    blocks.push({ packed, count: lines.length });
    lines = [];
    length = 0;
  };
  for (const resource of resources) {
    const line = JSON.stringify(storedForm(resource, published));
    if (lines.length > 0 && length + line.length > blockLength) closeBlock();
    lines.push(line);
    length += line.length;
  }
  closeBlock();
  const index = {
    blocks: blocks.map(({ packed, count }) => ({ bytes: packed.length, count })),
    resources: resources.map((resource) => [resource.resourceType, resource.id, keysOf(resource)]),
  };
  return {
    'resources.br': Buffer.concat(blocks.map(({ packed }) => packed)),
    'resources-index.br': compress(JSON.stringify(index)),
  };
}

/** What is in the two files, as text: equal archives may differ in their bytes when another release packed them. */
export function unpackArchive(archive, index) {
  const { blocks, resources } = JSON.parse(brotliDecompressSync(index).toString());
  let offset = 0;
  const texts = blocks.map(({ bytes }) => brotliDecompressSync(archive.subarray(offset, (offset += bytes))).toString());
  return JSON.stringify({ counts: blocks.map(({ count }) => count), resources, texts });
}

/**
 * The normal form of stored bodies. A definition is never updated: its only version is 0, older than any other. The few
 * that do not say when they were made were `published` with the others.
 */
function storedForm(resource, published) {
  const { resourceType, id, meta = {}, date } = resource;
  const lastUpdated = new Date(meta.lastUpdated ?? date ?? published).toISOString();
  return {
    resourceType,
    id,
    meta: { versionId: '0', lastUpdated, ...without(meta, ['versionId', 'lastUpdated']) },
    ...without(resource, ['resourceType', 'id', 'meta', 'text']),
  };
}

function without(object, names) {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

const keys = ['url', 'version', 'name', 'title', 'status', 'date', 'kind', 'type', 'abstract', 'derivation', 'code'];

/** The elements by which definitions are looked for. Each is a list, for `base` may repeat. */
function keysOf(resource) {
  const found = Object.fromEntries(
    keys.filter((key) => resource[key] !== undefined).map((key) => [key, [String(resource[key])]]),
  );
  const bases = resource.resourceType === 'SearchParameter' ? resource.base : undefined;
  return bases ? { ...found, base: bases } : found;
}

function compress(text) {
  return brotliCompressSync(text, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22 },
  });
}
