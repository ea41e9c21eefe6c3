import { OutcomeError } from '#fhir';

/**
 * Does `work` with all items; when they are too long to be read together, with each half of them by itself. Returns the
 * sum of what it returned. Throws what `work` throws otherwise.
 */
export async function sumInPieces<Item>(
  items: readonly Item[],
  work: (piece: readonly Item[]) => Promise<number>,
): Promise<number> {
  try {
    return await work(items);
  } catch (error) {
    const isTooLong = error instanceof OutcomeError && error.category === 'too-costly';
    if (!isTooLong || items.length < 2) throw error;
  }
  const middle = items.length >> 1;
  return (await sumInPieces(items.slice(0, middle), work)) + (await sumInPieces(items.slice(middle), work));
}
