/** How expressions are evaluated that somebody brings along. */

/**
 * More items than any resource has, and longer texts than expressions make of what it says. A text that is only read, such
 * as the data of an attachment, may be longer. One step can make a text of V8's greatest length of a short one, so that the
 * next step must not begin with much.
 */
const maxItems = 1_000_000;
const maxCharacters = 1_000_000;

/**
 * Options for the fhirpath package. A step that has made more ends the evaluation with a plain Error: what doubles a text or
 * a collection a few dozen times takes hardly any time, and then more memory than the process has, which ends it.
 */
export const guestOptions = {
  async: false as const,
  // What an expression traces would go to the console, and there it would be a copy of a resource in a log.
  traceFn: () => undefined,
  debugger: (_context: unknown, _focus: unknown, result: unknown) => assertModest(result),
};

function assertModest(result: unknown): void {
  const items: readonly unknown[] = Array.isArray(result) ? result : [result];
  if (items.length > maxItems) throw new Error('A step of the expression gives too many items.');
  for (const item of items) {
    if (typeof item === 'string' && item.length > maxCharacters) {
      throw new Error('A step of the expression gives too long a text.');
    }
  }
}
