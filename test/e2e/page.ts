import { MemoryStorage } from '@medplum/core';

/**
 * Gives MedplumClient what a browser has and node has not, until `closePage`: it keeps the verifier of a log-in there, and
 * hashes it.
 */
export function openPage(origin = 'https://app.example.org'): void {
  const { atob, btoa, TextDecoder, TextEncoder } = globalThis;
  const location = new URL(origin);
  const window = Object.assign(new EventTarget(), { atob, btoa, TextDecoder, TextEncoder, location });
  for (const [name, value] of Object.entries({ window, location, sessionStorage: new MemoryStorage() })) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
}

/** Takes it away again: the tests of other files run in the same process. */
export function closePage(): void {
  for (const name of ['window', 'location', 'sessionStorage']) Reflect.deleteProperty(globalThis, name);
}
