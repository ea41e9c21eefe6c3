/**
 * How somebody becomes a member: a User, a profile and a ProjectMembership, each of which may be there already. It is
 * called inside one transaction that changes rights, so two equal invitations make one user and one membership.
 */
import { conflict, invalidResource, type JsonObject } from '#fhir';
import type { Administration, StoredResource, StoredVersion } from '#fhir-store';
import type { NamedReference } from '../auth/session.js';
import { type Invitation, profileIssue } from './invitation.js';
import { nameOf } from '../auth/login/named-profiles.js';
import { isActiveMembership } from '../auth/principal.js';
import { assertPresent, referenceOf, target, targetsOfMembership } from './named-references.js';

interface InvitationContext {
  readonly project: NamedReference;
  /** Whose membership let them invite: `User/…`, `ClientApplication/…` or `Bot/…`. */
  readonly inviter: string;
  /** Of the invitation's password, as `hashPassword` gives it. */
  readonly passwordHash?: string;
  /** Goes into the link by which somebody without a password chooses one. */
  readonly linkSecret: string;
}

export interface Invited {
  readonly membership: StoredVersion;
  /** The mail that is due; `request` is the id of the security request for somebody who has no password yet. */
  readonly mail?: { readonly to: string; readonly request?: string };
}

/**
 * Invites somebody. Who has no active membership, or has registered and not shown that the address is theirs, is nobody
 * here yet: anybody could have registered with it, so the password that they have, if any, and what was begun with it ends
 * with the invitation. Throws 409 for a member, unless
 * the invitation adds memberships or updates the one there is (and then for one with another profile, or when there are
 * several that could be meant), and 400 for a profile or policies that do not exist in this project.
 */
export async function invite(
  administration: Administration,
  invitation: Invitation,
  context: InvitationContext,
): Promise<Invited> {
  await assertPresent(administration, targetsOfMembership(invitation.membership, 'membership'));
  const named = await namedProfile(administration, invitation);
  const user = await findInvited(administration, invitation);
  const memberships = user === undefined ? [] : await administration.find('ProjectMembership', 'user', refTo(user));
  if (memberships.length > 0 && invitation.ofMembers === 'refuse') {
    throw conflict('This person is a member of the project already');
  }
  const isAnew = user !== undefined && !isKnown(user, memberships);
  if (isAnew) await beginAnew(administration, user, context.passwordHash);
  if (user !== undefined && invitation.mfaRequired) await demandSecondFactor(administration, user);
  const profile = named ?? (await profileByEmail(administration, invitation, memberships));
  if (memberships.length > 0 && invitation.ofMembers === 'update') {
    const membership = await updateMembership(administration, invitation, memberships, profile);
    return { membership, ...(isAnew ? await mailTo(administration, invitation, user, context) : {}) };
  }
  const member = user ?? (await createInvited(administration, invitation, context));
  const shown = profile ?? (await createProfile(administration, invitation));
  const membership = await administration.create({
    resourceType: 'ProjectMembership',
    project: { ...context.project },
    user: { reference: refTo(member), ...(typeof member.email === 'string' ? { display: member.email } : {}) },
    profile: { ...shown },
    ...(invitation.externalId === undefined ? {} : { externalId: invitation.externalId }),
    invitedBy: { reference: context.inviter },
    ...invitation.membership,
  });
  return { membership, ...(await mailTo(administration, invitation, member, context)) };
}

async function namedProfile(
  administration: Administration,
  { profile, profileType }: Invitation,
): Promise<NamedReference | undefined> {
  if (profile === undefined) return undefined;
  const reference = referenceOf(profile);
  if (reference === undefined) throw invalidResource([profileIssue('membership.profile must be a reference')]);
  await assertPresent(administration, target(profile, 'membership.profile', [profileType]));
  const [, id = ''] = reference.split('/');
  const resource = await administration.read(profileType, id);
  return { reference, ...displayOf(resource) };
}

function findInvited(administration: Administration, invitation: Invitation): Promise<StoredResource | undefined> {
  const { email, externalId } = invitation;
  if (email !== undefined) return administration.findUser(email);
  return administration
    .find('User', 'external-id:exact', externalId ?? '')
    .then((users) => users.find((user) => user.externalId === externalId));
}

/**
 * The profile that has the person's address: one that is theirs already (by `memberships`), else the only one there is, if
 * it is nobody's. An address may stand in many profiles, as that of a family's records.
 */
async function profileByEmail(
  administration: Administration,
  { profileEmails, profileType }: Invitation,
  memberships: readonly JsonObject[],
): Promise<NamedReference | undefined> {
  if (profileEmails.length === 0) return undefined;
  const candidates = await administration.find(profileType, 'email', ...profileEmails);
  const theirs = new Set(memberships.map(({ profile }) => referenceOf(profile)));
  const own = candidates.find((candidate) => theirs.has(refTo(candidate)));
  if (own !== undefined) return { reference: refTo(own), ...displayOf(own) };
  const [only, ...others] = candidates;
  if (only === undefined || others.length > 0) return undefined;
  const isTaken = (await administration.find('ProjectMembership', 'profile', refTo(only))).length > 0;
  return isTaken ? undefined : { reference: refTo(only), ...displayOf(only) };
}

/**
 * Whether an account is that of somebody who belongs here, and not one that anybody could have made. False as a mark that
 * an address is confirmed stands in the accounts of those alone who have registered themselves.
 */
const isKnown = (user: StoredResource, memberships: readonly JsonObject[]): boolean =>
  memberships.some(isActiveMembership) && user.emailVerified !== false;

/** Makes the account of a User as if it was made now: the one way in is what the invitation gives. */
async function beginAnew(
  administration: Administration,
  user: StoredResource,
  passwordHash: string | undefined,
): Promise<void> {
  if (passwordHash === undefined) await administration.takePassword(user.id);
  else await administration.setPassword(user.id, passwordHash);
  await administration.takeSecondFactor(user.id);
  await administration.endLogins(refTo(user));
}

/** What an invitation demands of new people it demands of those who are known too, from their next log-in on. */
async function demandSecondFactor(administration: Administration, user: StoredResource): Promise<void> {
  if (user.mfaRequired === true) return;
  await administration.change('User', user.id, (body) =>
    JSON.stringify({ ...(JSON.parse(body) as JsonObject), mfaRequired: true }),
  );
}

function createInvited(
  administration: Administration,
  invitation: Invitation,
  { passwordHash }: InvitationContext,
): Promise<StoredResource> {
  const { firstName, lastName, email, externalId, mfaRequired } = invitation;
  return administration.createUser({
    firstName,
    lastName,
    ...(email === undefined ? {} : { email }),
    ...(externalId === undefined ? {} : { externalId }),
    ...(mfaRequired ? { mfaRequired } : {}),
    ...(passwordHash === undefined ? {} : { passwordHash }),
  });
}

async function createProfile(administration: Administration, invitation: Invitation): Promise<NamedReference> {
  const { profileType, firstName, lastName, email } = invitation;
  if (profileType === 'RelatedPerson') {
    // Whom they are related to is part of what they are, and an invitation does not say it.
    throw invalidResource([profileIssue('A RelatedPerson must exist before the invitation: name it as the profile')]);
  }
  const { id } = await administration.create({
    resourceType: profileType,
    name: [{ family: lastName, given: [firstName] }],
    ...(email === undefined ? {} : { telecom: [{ system: 'email', value: email }] }),
  });
  return { reference: `${profileType}/${id}`, display: `${firstName} ${lastName}` };
}

/** Changes what the invitation says of the one membership that it can mean; its user, project and profile stay. */
async function updateMembership(
  administration: Administration,
  { membership, profileType }: Invitation,
  memberships: readonly StoredResource[],
  profile: NamedReference | undefined,
): Promise<StoredVersion> {
  const isMeant = (one: JsonObject): boolean => {
    const reference = referenceOf(one.profile);
    return profile === undefined ? reference?.split('/')[0] === profileType : reference === profile.reference;
  };
  const [meant, ...others] = memberships.filter(isMeant);
  if (meant === undefined) throw conflict('This person is a member of the project with another profile');
  if (others.length > 0) {
    throw conflict('This person has several memberships in the project; change the one that is meant by its id');
  }
  return administration.change('ProjectMembership', meant.id, (body) =>
    JSON.stringify({ ...(JSON.parse(body) as JsonObject), ...membership }),
  );
}

async function mailTo(
  administration: Administration,
  { sendEmail }: Invitation,
  member: StoredResource,
  { linkSecret }: InvitationContext,
): Promise<Pick<Invited, 'mail'>> {
  const { email } = member;
  if (!sendEmail || typeof email !== 'string') return {};
  if (await administration.hasPassword(member.id)) return { mail: { to: email } };
  return { mail: { to: email, request: await administration.requestSecurity('invite', refTo(member), linkSecret) } };
}

const refTo = ({ resourceType, id }: StoredResource): string => `${resourceType}/${id}`;

/** The name to show for a person. */
function displayOf(resource: JsonObject | undefined): { display?: string } {
  const display = nameOf(resource);
  return display === undefined ? {} : { display };
}
