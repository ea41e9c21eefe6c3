/** What clients send back of the addresses that they were shown: stored is always `Binary/<id>`. */
import type { FastifyRequest } from 'fastify';
import { sessionOf } from '../tenant/request-tenant.js';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';

/**
 * A string that is an address of a content, to whatever base URL. Some writers of JSON escape slashes, and a string in a
 * GraphQL document in JSON ends with an escaped quote.
 */
const SIGNED =
  /(?<=")https?:(?:\\?\/){2}[^"?]*\\?\/storage\\?\/Binary\\?\/([A-Za-z0-9\-.]{1,64})\?signature=([A-Za-z0-9._-]{1,300})(?=\\?")/g;
const OWN_URL = /(?<="url":\s*")(https?:(?:\\?\/){2}[^"?]*)Binary\\?\/([A-Za-z0-9\-.]{1,64})(?=")/g;

/**
 * JSON as a client sent it, with `Binary/<id>` for each string that is an address which the project has signed, expired or
 * not, and for each `url` that is the Binary's own address in the project's FHIR API, as an upload answers it. Nobody else
 * can make a text that is changed here by accident, because nobody else can sign.
 */
export function withStoredAddresses(request: FastifyRequest, json: string): string {
  if (!json.includes('Binary')) return json;
  return storedAddresses(sessionOf(request).runtime, json);
}

/** The same for the project of `runtime`. */
export function storedAddresses(
  { storageLinks, database }: Pick<TenantRuntime, 'storageLinks' | 'database'>,
  json: string,
): string {
  const { ownBaseUrls = [] } = database;
  const isOwn = (base: string): boolean => ownBaseUrls.includes(base.replaceAll('\\/', '/'));
  return json
    .replace(SIGNED, (address, id: string, signature: string) =>
      // When it expires does not matter here.
      storageLinks.read(id, signature, new Date(0)) === undefined ? address : `Binary/${id}`,
    )
    .replace(OWN_URL, (address, base: string, id: string) => (isOwn(base) ? `Binary/${id}` : address));
}
