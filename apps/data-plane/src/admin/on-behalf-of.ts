/**
 * The header `X-Medplum-On-Behalf-Of`: an administrator does something with the rights of another member. Rights, policy
 * and accounts are the member's; what is written has the administrator as its author. Both are looked at under one
 * security epoch, so as soon as either of them changes, the next statement finds out.
 */
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { badRequest, forbidden } from '#fhir';
import { findMembershipsOfProfile, readPrincipal } from '#fhir-store';
import { isActiveMembership, principalOfMember } from '../auth/principal.js';
import { type Principal, Session } from '../auth/session.js';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';

export const ON_BEHALF_OF = 'x-medplum-on-behalf-of';

/** Whom the header may name: a membership, or the profile of one. */
const TARGET = /^(ProjectMembership|Practitioner|Patient|RelatedPerson)\/([A-Za-z0-9\-.]{1,64})$/;

/** Members on whose behalf one administrator acts at a time, for a program that goes from one to the next. */
const MAX_TARGETS = 200;
/** How often rights are read again because they changed between reading the one's and the other's. */
const MAX_ATTEMPTS = 5;

@Injectable()
export class OnBehalfOf {
  /** By the administrator's session, with which they go. */
  private readonly sessions = new WeakMap<Session, LRUCache<string, Session>>();

  /**
   * The session in which the administrator of `session` acts for `target`. Throws 403 when the caller is no administrator
   * or the target is not an active member of the project, 400 when the target could be several, and 401 when the caller's
   * own session is over.
   */
  async open(session: Session, target: string): Promise<Session> {
    const known = this.sessions.get(session)?.get(target);
    if (known !== undefined) return known;
    const source = () => principalFor(session, target);
    const opened = session.actingFor(await source(), source);
    const ofSession = this.sessions.get(session) ?? new LRUCache<string, Session>({ max: MAX_TARGETS });
    ofSession.set(target, opened);
    this.sessions.set(session, ofSession);
    return opened;
  }
}

async function principalFor(session: Session, target: string): Promise<Principal> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    // Somebody may have become an administrator since; nothing else would tell.
    if (!session.current.policy.projectAdmin && !(await session.renew()).policy.projectAdmin) throw forbidden();
    const principal = await findTarget(session.runtime, target);
    if (principal === undefined) throw forbidden();
    if (principal.epoch === session.current.epoch) return principal;
    await session.renew();
  }
  throw forbidden();
}

async function findTarget(runtime: TenantRuntime, target: string): Promise<Principal | undefined> {
  const [, type, id] = TARGET.exec(target) ?? [];
  if (type === undefined || id === undefined) return undefined;
  const membershipId = type === 'ProjectMembership' ? id : await findMembershipId(runtime, target);
  if (membershipId === undefined) return undefined;
  const records = await runtime.database.use((connection) => readPrincipal(connection, { membershipId }));
  const principal = principalOfMember(runtime, records);
  const isMeant = type === 'ProjectMembership' || principal?.profile.reference === target;
  return isMeant ? principal : undefined;
}

/** The active membership of a profile. Which of several is meant, only the client can say. */
async function findMembershipId({ database }: TenantRuntime, profile: string): Promise<string | undefined> {
  const active = (await findMembershipsOfProfile(database, profile)).filter(isActiveMembership);
  if (active.length > 1) {
    throw badRequest('The profile has several memberships; name the one that is meant: ProjectMembership/<id>');
  }
  return active[0]?.id;
}
