import { setImmediate } from 'node:timers/promises';

/** So long one request works in a row before others get their turn. */
const rowMs = 20;

/** Works on the items one after the other; others get their turn in between. Ends with what `work` throws. */
export async function inRows<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  let begun = performance.now();
  for (const item of items) {
    if (performance.now() - begun > rowMs) {
      await setImmediate();
      begun = performance.now();
    }
    await work(item);
  }
}
