/**
 * `ClientApplication.allowedOrigin`: the origins (https://www.rfc-editor.org/rfc/rfc6454#section-6.2) of the pages from which
 * tokens of a client may be got and used. Browsers say by the header `Origin` whose page sends a request; what comes from
 * no page has none, and is not limited by this.
 */
import type { JsonObject } from '#fhir';

/** The origins that a client allows, a slash at their end left out; undefined: any. */
export function allowedOriginsOf({ allowedOrigin }: JsonObject): ReadonlySet<string> | undefined {
  if (!Array.isArray(allowedOrigin) || allowedOrigin.length === 0) return undefined;
  return new Set(allowedOrigin.flatMap((origin) => (typeof origin === 'string' ? [origin.replace(/\/$/, '')] : [])));
}

/** Whether a request with this `Origin` header may get or use tokens of a client that allows these origins. */
export const isAllowedOrigin = (allowed: ReadonlySet<string> | undefined, origin: string | undefined): boolean =>
  allowed === undefined || origin === undefined || allowed.has(origin);
