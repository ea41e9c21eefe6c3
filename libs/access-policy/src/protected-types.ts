/**
 * Types that carry rights or secrets. They are never covered by "everything": each group has a rule of its own.
 */
export type Protection = 'closed' | 'read-only' | 'administration' | 'control' | 'open';

const protectedTypes = new Map<string, Protection>([
  // Sessions and keys. Nobody in a project touches them, administrators neither.
  ['Login', 'closed'],
  ['JsonWebKey', 'closed'],
  ['DomainConfiguration', 'closed'],
  // The project itself changes through the control plane; a security request is made by the server.
  ['Project', 'read-only'],
  ['UserSecurityRequest', 'read-only'],
  // Who belongs to the project, and with which rights.
  ['ProjectMembership', 'administration'],
  ['User', 'administration'],
  // What decides over others or acts for them: everybody may see it, its secrets are stored elsewhere.
  ['AccessPolicy', 'control'],
  ['ClientApplication', 'control'],
  ['Bot', 'control'],
  ['SmartAppLaunch', 'control'],
]);

/** How a type is protected; `open` for all ordinary types. */
export function protectionOf(type: string): Protection {
  return protectedTypes.get(type) ?? 'open';
}
