import type { BaseUrlName, TenantEntry } from './tenant-entry.js';
import { hostNameOf, type RequestNames } from './tenant-router.js';

/** The former slug of the project by which the request came; undefined when it came by a present name, or by the id. */
export function formerNameUsed(entry: TenantEntry, names: RequestNames, baseDomain: string): BaseUrlName | undefined {
  if (!entry.baseUrls.some(({ former }) => former !== undefined)) return undefined;
  const host = hostNameOf(names.host);
  return entry.baseUrls.find(
    ({ name, former }) =>
      former !== undefined && (names.path === name || names.header === name || host === `${name}.${baseDomain}`),
  );
}
