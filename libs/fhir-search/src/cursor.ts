/**
 * The text behind `_cursor`: the place of the last row of a page, so that the next page starts right behind it whatever
 * is written in the meantime. It is encrypted and authenticated (AES-256-GCM) under a key of the project and bound to
 * the search it belongs to: it cannot be made up, used for another search or in another project, and it does not show
 * the values it holds (a family name, say) to whoever reads links in a log.
 */
import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';
import { badRequest } from '#fhir';
import type { CursorPosition } from './search-plan.js';
import type { SearchRequest } from './search-request.js';

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** The cursor for the rows of `request` behind `position`. `key` has 32 bytes and belongs to one project. */
export function encodeCursor(key: Buffer, request: SearchRequest, position: CursorPosition): string {
  return sealCursor(key, searchIdentity(request), JSON.stringify([position.id, ...position.values]));
}

/** The position that the cursor of `request` holds; throws an OutcomeError (invalid) if it was not made for it. */
export function decodeCursor(key: Buffer, request: SearchRequest): CursorPosition | undefined {
  if (request.cursor === undefined) return undefined;
  const plain = openCursor(key, searchIdentity(request), request.cursor);
  if (plain === undefined) {
    throw badRequest("The value of '_cursor' was not made for this search.", {
      code: 'value',
      expression: ['_cursor'],
    });
  }
  const [id, ...values] = JSON.parse(plain) as [string, ...(string | null)[]];
  return { id, values };
}

/** Seals `plain` into a cursor that opens only under the same key and for the same `identity`. */
export function sealCursor(key: Buffer, identity: Buffer, plain: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce).setAAD(identity);
  const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** What `sealCursor` sealed; undefined for every other text. */
export function openCursor(key: Buffer, identity: Buffer, text: string): string | undefined {
  const cursor = Buffer.from(text, 'base64url');
  if (cursor.length <= nonceBytes + tagBytes) return undefined;
  const decipher = createDecipheriv(algorithm, key, cursor.subarray(0, nonceBytes), { authTagLength: tagBytes })
    .setAAD(identity)
    .setAuthTag(cursor.subarray(nonceBytes, nonceBytes + tagBytes));
  try {
    const opened = decipher.update(cursor.subarray(nonceBytes + tagBytes));
    return Buffer.concat([opened, decipher.final()]).toString('utf8');
  } catch {
    // The only failure there is: the tag does not fit the key, the search or the bytes.
    return undefined;
  }
}

/** These may change from page to page without making it another search. */
const pageParameters = new Set(['_count', '_cursor', '_offset', '_total', '_format', '_pretty']);

/** The same for two requests that walk through the same rows in the same order. */
function searchIdentity(request: SearchRequest): Buffer {
  const pairs = request.applied.filter(([name]) => !pageParameters.has(name)).map((pair) => JSON.stringify(pair));
  return Buffer.from(hash('sha256', JSON.stringify([request.path, ...pairs.sort()]), 'hex'));
}
