/** What the body of an invitation says, in the forms in which published apps send it. */
import { type Issue, isJsonObject, type JsonObject, type JsonValue } from '#fhir';
import { isAddress } from '../auth/email-address.js';
import { JsonFields } from '../auth/json-fields.js';
import { isPersonType, type PersonType, personTypes } from '../auth/profile-types.js';

export interface Invitation {
  readonly profileType: PersonType;
  readonly firstName: string;
  readonly lastName: string;
  /** At least one of both. */
  readonly email?: string;
  readonly externalId?: string;
  /** The forms in which a profile may hold the address. */
  readonly profileEmails: readonly string[];
  /** Given to a User who is made now or has no active membership; of any length. */
  readonly password?: string;
  readonly sendEmail: boolean;
  readonly mfaRequired: boolean;
  /** What becomes of somebody who is a member already. */
  readonly ofMembers: 'refuse' | 'update' | 'add';
  /** What the body says of the profile, if anything. */
  readonly profile?: JsonValue;
  /** The members of the membership that the inviter decides; validated with the whole of it. */
  readonly membership: JsonObject;
}

/** The members of a membership that an invitation may give; older clients put three of them beside `membership`. */
const membershipMembers = ['access', 'accessPolicy', 'admin', 'userConfiguration', 'identifier'] as const;
const outerMembers = new Set<string>(['access', 'accessPolicy', 'admin']);

const CONTROL_CHARACTER = /\p{Cc}/u;

/**
 * Reads an invitation. Unknown members are ignored, empty texts are absent; `scope` is accepted and means nothing, since
 * all users are the project's own. Throws 400 with an issue for each field that is wrong.
 */
export function readInvitation(fields: JsonFields): Invitation {
  const profileType = fields.required('resourceType');
  if (profileType !== '' && !isPersonType(profileType)) {
    fields.fail('resourceType', `resourceType must be one of ${personTypes.join(', ')}`);
  }
  const firstName = fields.required('firstName');
  const lastName = fields.required('lastName');
  const address = fields.text('email');
  const email = address?.toLowerCase();
  const externalId = fields.text('externalId');
  if (email === undefined && externalId === undefined) fields.fail('email', 'email or externalId is missing');
  if (email !== undefined && !isAddress(email)) fields.fail('email', 'email must be the address of one person');
  if (externalId !== undefined && CONTROL_CHARACTER.test(externalId)) {
    fields.fail('externalId', 'externalId must not have control characters');
  }
  const password = fields.raw('password');
  const given = fields.value('membership') ?? {};
  if (!isJsonObject(given)) fields.fail('membership', 'membership must be an object');
  fields.check();
  const inner = isJsonObject(given) ? given : {};
  return {
    profileType: profileType as PersonType,
    firstName,
    lastName,
    ...(email === undefined ? {} : { email }),
    ...(externalId === undefined ? {} : { externalId }),
    profileEmails: email === undefined ? [] : [...new Set([email, address ?? email])],
    ...(password === undefined ? {} : { password }),
    sendEmail: !isFalse(fields.value('sendEmail')),
    mfaRequired: fields.flag('mfaRequired'),
    ofMembers: fields.flag('forceNewMembership') ? 'add' : fields.flag('upsert') ? 'update' : 'refuse',
    ...(isGiven(inner.profile) ? { profile: inner.profile } : {}),
    membership: Object.fromEntries(
      membershipMembers.flatMap((name): [string, JsonValue][] => {
        const value = isGiven(inner[name]) ? inner[name] : outerMembers.has(name) ? fields.value(name) : undefined;
        return value === undefined ? [] : [[name, value]];
      }),
    ),
  };
}

/** An issue about the profile that an invitation names. */
export const profileIssue = (text: string): Issue => ({
  severity: 'error',
  code: 'invalid',
  text,
  expression: ['membership.profile'],
});

const isFalse = (value: JsonValue | undefined): boolean => value === false || value === 'false';
const isGiven = (value: JsonValue | undefined): value is JsonValue =>
  value !== undefined && value !== null && value !== '';
