/**
 * Types that carry rights or secrets. They are never covered by "everything": each group has a rule of its own.
 */
import { isJsonObject, type FhirVersion, type JsonObject } from '#fhir';

export type Protection =
  /** Sessions and keys: nobody in a project touches them, administrators neither. */
  | 'closed'
  /** The project and who belongs to it: for administrators of the project only, by rules that nobody can write. */
  | 'administration'
  /** What decides over others or acts for them: `*` lets it be seen, and no more. */
  | 'control'
  /** Control as far as it holds a secret that is sent to others. */
  | 'delivery'
  | 'open';

const protectedTypes = new Map<string, Protection>([
  ['Login', 'closed'],
  ['JsonWebKey', 'closed'],
  ['DomainConfiguration', 'closed'],
  ['Project', 'administration'],
  ['ProjectMembership', 'administration'],
  ['User', 'administration'],
  ['UserSecurityRequest', 'administration'],
  ['AccessPolicy', 'control'],
  ['ClientApplication', 'control'],
  ['Bot', 'control'],
  ['SmartAppLaunch', 'control'],
  ['Subscription', 'delivery'],
]);

/** How a type is protected; `open` for all ordinary types. */
export function protectionOf(type: string): Protection {
  return protectedTypes.get(type) ?? 'open';
}

/** Where Subscriptions of some version hold the headers that are sent with notifications. */
const deliverySecrets = ['channel.header', 'parameter'] as const;

/** Which of them the version has. */
export function deliverySecretPaths(version: FhirVersion): string[] {
  const members = new Set(version.structure('Subscription')?.map(({ name }) => name));
  return deliverySecrets.filter((path) => members.has(path.split('.')[0] ?? ''));
}

/** Whether a Subscription holds such a header. */
export function holdsDeliverySecret(subscription: JsonObject): boolean {
  return deliverySecrets.some((path) => {
    const value = path
      .split('.')
      .reduce<JsonObject[string] | undefined>((at, name) => (isJsonObject(at) ? at[name] : undefined), subscription);
    return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null;
  });
}
