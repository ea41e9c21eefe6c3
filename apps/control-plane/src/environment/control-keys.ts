import { createSecretKey, type KeyObject } from 'node:crypto';
import { deriveKey } from '#platform';

/** The control plane's own keys, one per purpose, all derived from the master key, so that every replica has the same. */
export class ControlKeys {
  /** Signs operators' access tokens. An object, since of bytes it is tried first, each time, whether they are a PEM file. */
  readonly accessToken: KeyObject;
  /** Seals secrets that wait to be claimed. */
  readonly claimableSecret: Buffer;
  /** Hashes request bodies for idempotency keys: they may hold a password, which a plain hash would give to guessing. */
  readonly requestBody: Buffer;

  constructor(masterKey: Buffer) {
    this.accessToken = createSecretKey(deriveKey(masterKey, 'control plane: access tokens'));
    this.claimableSecret = deriveKey(masterKey, 'control plane: claimable secrets');
    this.requestBody = deriveKey(masterKey, 'control plane: request bodies');
  }
}
