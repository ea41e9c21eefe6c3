/**
 * What `first`, `previous` and `next` of a connection hold: everything to find that page again, as the standard wants
 * it. It gives no rights: whoever sends it runs the search with their own rights, and the store's own cursor in it is sealed.
 */
import { badRequest } from '#fhir';
import type { SearchParameters } from '../graphql-source.js';

export interface PageToken {
  readonly type: string;
  readonly parameters: SearchParameters;
  readonly count: number;
  /** How many matches are on the pages before. */
  readonly offset: number;
  /** The cursor of the store; without one the page is found by its offset. */
  readonly cursor?: string;
}

export const writePageToken = (token: PageToken): string =>
  Buffer.from(JSON.stringify([token.type, token.parameters, token.count, token.offset, token.cursor])).toString(
    'base64url',
  );

/**
 * Throws OutcomeError `invalid` for a text that is no token for a page of `type` with parameters of these `codes`.
 */
export function readPageToken(text: string, type: string, codes: ReadonlySet<string>): PageToken {
  const [tokenType, parameters, count, offset, cursor] = parts(text);
  const isToken =
    tokenType === type &&
    isParameters(parameters) &&
    parameters.every(([code, value]) => codes.has(code) && !value.includes('\u0000')) &&
    isCount(count) &&
    isCount(offset) &&
    (cursor === undefined || cursor === null || typeof cursor === 'string');
  if (!isToken) throw badRequest(`The cursor was not made for ${type}Connection.`, { code: 'value' });
  return { type, parameters, count, offset, ...(typeof cursor === 'string' ? { cursor } : {}) };
}

function parts(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

const isParameters = (value: unknown): value is SearchParameters =>
  Array.isArray(value) &&
  value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((text) => typeof text === 'string'));
