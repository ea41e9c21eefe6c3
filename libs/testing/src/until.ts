/**
 * Asks until it is so.
 *
 * @throws Error when it has not come about in half a minute
 */
export async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('It has not come about in half a minute.');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
