/**
 * Many texts in one file: lines go into blocks, each compressed by itself. One line is read by unpacking one block, and
 * neighbours are alike, so that blocks become small. An index beside the file tells how long the blocks are, how many
 * lines each has and, in the same order, what the lines are, so that a search among them needs no block.
 */
import { Buffer } from 'node:buffer';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

/**
 * The two files `<name>.br` and `<name>-index.br`, for lines `{ text, key }`; the index lists the keys as `resources`. A
 * block holds about `blockLength` characters.
 */
export function packLines(name, lines, blockLength) {
  const blocks = [];
  let texts = [];
  let length = 0;
  const closeBlock = () => {
    blocks.push({ packed: compress(texts.join('\n')), count: texts.length });
    texts = [];
    length = 0;
  };
  for (const { text } of lines) {
    if (texts.length > 0 && length + text.length > blockLength) closeBlock();
    texts.push(text);
    length += text.length;
  }
  closeBlock();
  const index = {
    blocks: blocks.map(({ packed, count }) => ({ bytes: packed.length, count })),
    resources: lines.map(({ key }) => key),
  };
  return {
    [`${name}.br`]: Buffer.concat(blocks.map(({ packed }) => packed)),
    [`${name}-index.br`]: compress(JSON.stringify(index)),
  };
}

/** What is in the two files, as text: equal archives may differ in their bytes when another release packed them. */
export function unpackArchive(archive, index) {
  const { blocks, resources } = JSON.parse(brotliDecompressSync(index).toString());
  let offset = 0;
  const texts = blocks.map(({ bytes }) => brotliDecompressSync(archive.subarray(offset, (offset += bytes))).toString());
  return JSON.stringify({ counts: blocks.map(({ count }) => count), resources, texts });
}

function compress(text) {
  return brotliCompressSync(text, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22 },
  });
}
