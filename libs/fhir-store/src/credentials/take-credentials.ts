/**
 * Credentials never reach a stored body, its history or the search index: they are cut out of the text before anything
 * else looks at it. Of a client's secret the hash goes to a table of its own; a person's password hash or MFA secret that
 * a client sends is dropped, because it can only be set through the identity API. So is what only answers hold: the
 * policies that an effective policy is based on.
 */
import { createHash } from 'node:crypto';
import { badRequest, type ResourceText } from '#fhir';
import { withoutMembers } from '../json-strings.js';

export interface Credentials {
  /** SHA-256 of ClientApplication.secret, when the text had one. */
  readonly secretHash?: Buffer;
  /** SHA-256 of ClientApplication.retiringSecret, when the text had one. */
  readonly retiringHash?: Buffer;
}

const neverStored: Readonly<Record<string, readonly string[]>> = {
  AccessPolicy: ['basedOn'],
  ClientApplication: ['secret', 'retiringSecret'],
  User: ['passwordHash', 'mfaSecret'],
};

const noCredentials: Credentials = Object.freeze({});

/** A resource without the credentials that came with it. */
export interface TakenResource {
  readonly text: ResourceText;
  readonly credentials: Credentials;
}

/** Cuts what is never stored out of `text`; the text of a type that has none is returned as it is. 400 for a secret that is no string. */
export function takeCredentials(text: ResourceText): TakenResource {
  const names = neverStored[text.resourceType];
  if (names === undefined) return { text, credentials: noCredentials };
  // A primitive element may have a second member, `_secret`, with extensions: it could hold the secret as well.
  const cut = new Set(names.flatMap((name) => [name, `_${name}`]));
  const value = Object.fromEntries(Object.entries(text.value).filter(([name]) => !cut.has(name)));
  return {
    text: { ...text, value, otherMembers: withoutMembers(text.otherMembers, cut) },
    credentials: text.resourceType === 'ClientApplication' ? hashesOf(text) : noCredentials,
  };
}

function hashesOf(text: ResourceText): Credentials {
  const secretHash = hashOf(text, 'secret');
  const retiringHash = hashOf(text, 'retiringSecret');
  return { ...(secretHash ? { secretHash } : {}), ...(retiringHash ? { retiringHash } : {}) };
}

function hashOf({ value }: ResourceText, member: 'secret' | 'retiringSecret'): Buffer | undefined {
  const secret = value[member];
  if (secret === undefined) return undefined;
  if (typeof secret === 'string' && secret !== '') return hashSecret(secret);
  throw badRequest('A secret must be a string that is not empty', { expression: [`ClientApplication.${member}`] });
}

/** How a client secret is kept: SHA-256, enough for 256 random bits. */
export const hashSecret = (secret: string): Buffer => createHash('sha256').update(secret).digest();
