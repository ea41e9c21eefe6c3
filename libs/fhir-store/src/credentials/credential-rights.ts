import { forbidden, type JsonObject } from '#fhir';
import type { Draft } from '../draft.js';
import type { Context } from '../rights.js';
import type { StoredVersion } from '../stored-version.js';

/**
 * Throws 403 when a write by somebody who does not administer the project would give a client a secret or other keys to
 * prove itself with. Whoever may set these may log in as the client, with all its rights; a rule about
 * ClientApplications grants no such thing. Keys that stay as they are stored are no change.
 */
export function assertMayChangeCredentials(
  { caller }: Context,
  { type, credentials, value }: Draft,
  current: StoredVersion | undefined,
): void {
  if (type !== 'ClientApplication' || caller.policy.projectAdmin) return;
  const stored = current === undefined || current.deleted ? {} : (JSON.parse(current.body) as JsonObject);
  if (Object.keys(credentials).length > 0 || value['jwksUri'] !== stored['jwksUri']) throw forbidden();
}
