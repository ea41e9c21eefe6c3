import type { AccessPolicy } from '#access-policy';
import type { JsonObject } from '#fhir';

const FAVORITES = ['Patient', 'Practitioner', 'Organization', 'Questionnaire', 'ServiceRequest', 'DiagnosticReport'];
const ADMINISTRATION = ['ProjectMembership', 'AccessPolicy', 'ClientApplication', 'Bot', 'Subscription'];

/** The configuration of somebody who has none: a menu of what they may search for. */
export function defaultConfiguration(policy: AccessPolicy): JsonObject {
  const link = (types: readonly string[]) =>
    types.filter((type) => policy.grants('search', type)).map((type) => ({ name: type, target: `/${type}` }));
  const menu = [
    { title: 'Favorites', link: link(FAVORITES) },
    { title: 'Administration', link: policy.projectAdmin ? link(ADMINISTRATION) : [] },
  ];
  return { resourceType: 'UserConfiguration', menu: menu.filter((part) => part.link.length > 0) };
}
