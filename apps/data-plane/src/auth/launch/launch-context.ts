/**
 * What an app is launched for (SMART App Launch, https://hl7.org/fhir/smart-app-launch/app-launch.html#launch-app-ehr-launch).
 * Whoever launches an app stores a SmartAppLaunch and sends its id along; the app hands it on when somebody logs in, and is
 * told the patient and the encounter with its tokens. An id tells an app nothing by itself, and nobody by knowing it sees
 * more than their policy grants.
 */
import { systemPolicy } from '#access-policy';
import { localReferences } from '#fhir-search';
import { ResourceRepository, type StoredResource, type TenantDatabase } from '#fhir-store';
import { foundOrUndefined, UNREADABLE } from '../found-or-undefined.js';
import type { Principal } from '../principal.js';
import { hasScope } from '../scopes.js';

export interface LaunchContext {
  /** `Patient/1` */
  readonly patient?: string;
  /** `Encounter/1` */
  readonly encounter?: string;
}

/** A launch is followed at once; its id stands in histories and logs of browsers for longer. */
const LAUNCH_SECONDS = 3600;

/**
 * What the launch with that id is for; undefined when there is none, or it was stored more than an hour before `now`.
 * References to anything but a Patient and an Encounter of the project count as none.
 */
export async function findLaunch(
  database: TenantDatabase,
  id: string,
  { requestId, now }: { readonly requestId: string; readonly now: Date },
): Promise<LaunchContext | undefined> {
  const repository = new ResourceRepository(database, {
    policy: systemPolicy('log-in to a launched app'),
    agent: 'system/identity',
    requestId,
  });
  const stored = await foundOrUndefined(() => repository.read('SmartAppLaunch', id));
  if (stored === undefined) return undefined;
  if (now.getTime() - Date.parse(stored.lastUpdated) > LAUNCH_SECONDS * 1000) return undefined;
  const launch = JSON.parse(stored.body) as StoredResource;
  const localReference = localReferences(database.ownBaseUrls ?? []);
  const [patient, encounter] = (['Patient', 'Encounter'] as const).map((type) => {
    const { reference } = (launch[type.toLowerCase()] ?? {}) as { reference?: unknown };
    const local = typeof reference === 'string' ? localReference(reference) : '';
    return new RegExp(`^${type}/[A-Za-z0-9\\-.]{1,64}$`).test(local) ? local : undefined;
  });
  return { ...(patient === undefined ? {} : { patient }), ...(encounter === undefined ? {} : { encounter }) };
}

/** Whether a member may read all that an app is launched for. */
export async function mayReadLaunch(
  database: TenantDatabase,
  { policy, profile }: Pick<Principal, 'policy' | 'profile'>,
  { patient, encounter }: LaunchContext,
  requestId: string,
): Promise<boolean> {
  const repository = new ResourceRepository(database, { policy, agent: profile.reference, requestId });
  for (const reference of [patient, encounter]) {
    const [type, id] = reference?.split('/') ?? [];
    if (type === undefined || id === undefined) continue;
    if ((await foundOrUndefined(() => repository.read(type, id), UNREADABLE)) === undefined) return false;
  }
  return true;
}

/** What the tokens of a log-in come with: what the app asked for of what it was launched for, by the scopes that say so. */
export function launchedFor(scope: string, { patient, encounter }: LaunchContext = {}): LaunchContext {
  const asksFor = (term: string) => hasScope(scope, 'launch') || hasScope(scope, term);
  return {
    ...(patient !== undefined && asksFor('launch/patient') ? { patient } : {}),
    ...(encounter !== undefined && asksFor('launch/encounter') ? { encounter } : {}),
  };
}

/**
 * The scope that is granted in fact: without those terms about a launch for which there is nothing to tell the app
 * (RFC 6749 section 3.3).
 */
export function scopeWithContext(scope: string, context: LaunchContext): string {
  const isUnmet = (term: string): boolean =>
    (term === 'launch' && context.patient === undefined && context.encounter === undefined) ||
    (term === 'launch/patient' && context.patient === undefined) ||
    (term === 'launch/encounter' && context.encounter === undefined);
  return scope
    .split(' ')
    .filter((term) => !isUnmet(term))
    .join(' ');
}
