/** The standard claims of OpenID Connect (Core section 5.1 and 5.4) from a FHIR resource about a person. */
import { isJsonObject, type JsonObject } from '#fhir';
import { nameOf } from '../login/named-profiles.js';
import { hasScope } from '../scopes.js';

/** The claims for which there is a scope. `sub` is the id of the profile, as in the ID token. */
export function userinfoClaims(reference: string, profile: JsonObject, scope: string): JsonObject {
  return {
    sub: reference.slice(reference.indexOf('/') + 1),
    ...(hasScope(scope, 'fhirUser') ? { fhirUser: reference } : {}),
    ...(hasScope(scope, 'profile') ? { profile: reference, ...profileClaims(profile) } : {}),
    ...(hasScope(scope, 'email') ? defined({ email: contactOf(profile, 'email') }) : {}),
    ...(hasScope(scope, 'phone') ? defined({ phone_number: contactOf(profile, 'phone') }) : {}),
    ...(hasScope(scope, 'address') ? addressClaims(profile) : {}),
  };
}

function profileClaims(profile: JsonObject): JsonObject {
  const [name = {}] = objectsOf(profile.name);
  return defined({
    name: nameOf(profile),
    family_name: name.family,
    given_name: joined(name.given, ' '),
    gender: profile.gender,
    birthdate: profile.birthDate,
    website: contactOf(profile, 'url'),
  });
}

function addressClaims(profile: JsonObject): JsonObject {
  const [address] = objectsOf(profile.address);
  if (address === undefined) return {};
  const claims = defined({
    formatted: address.text,
    street_address: joined(address.line, '\n'),
    locality: address.city,
    region: address.state,
    postal_code: address.postalCode,
    country: address.country,
  });
  return { address: claims };
}

const contactOf = (profile: JsonObject, system: string): unknown =>
  objectsOf(profile.telecom).find((contact) => contact.system === system)?.value;

const objectsOf = (value: unknown): JsonObject[] => (Array.isArray(value) ? value.filter(isJsonObject) : []);

const joined = (value: unknown, separator: string): string | undefined =>
  Array.isArray(value) ? value.filter((part) => typeof part === 'string').join(separator) : undefined;

const defined = (claims: Record<string, unknown>): JsonObject =>
  Object.fromEntries(Object.entries(claims).filter(([, value]) => typeof value === 'string')) as JsonObject;
