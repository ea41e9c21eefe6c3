import { deriveKey, open, seal } from './seal.js';

/** Wraps data keys with a key that this process may use but need not hold (an HSM or a cloud key service). */
export interface KeyProvider {
  /** Encrypts a data key. Two calls with one key give different bytes. */
  wrap(key: Buffer): Promise<Buffer>;
  /** Gives back the key; rejects when it was wrapped by another master key or was changed. */
  unwrap(wrapped: Buffer): Promise<Buffer>;
}

const context = 'data-key';

/** Wraps with a 32-byte master key held in memory (from the environment or a file). */
export function masterKeyProvider(masterKey: Buffer): KeyProvider {
  const wrappingKey = deriveKey(masterKey, 'boxyard data key wrapping');
  return {
    wrap: async (key) => seal(wrappingKey, key, context),
    unwrap: async (wrapped) => open(wrappingKey, wrapped, context),
  };
}
