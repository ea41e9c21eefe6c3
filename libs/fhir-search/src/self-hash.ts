import type { TokenHasher } from './token-hasher.js';
import { referenceText } from './token-texts.js';

/**
 * What a reference to the resource `type`/`id` has as its target in the index, and what the resource itself has in
 * `resource.self`: the two are joined by chains and includes.
 */
export function selfHash(hasher: TokenHasher, type: string, id: string): string {
  return hasher.hash(referenceText(`${type}/${id}`));
}
