import type { FastifyRequest } from 'fastify';
import { badRequest } from '#fhir';
import type { ReadAudit } from '#fhir-store';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import type { PersonAuthenticator, PersonSecret, ProvedPerson } from './person-authenticator.js';

/**
 * The person with this address and password, recorded in the audit either way. Throws 400 when they are wrong, and for
 * somebody who must give a second factor, which cannot be checked here: without it nobody comes in.
 */
export async function authenticatePerson(
  people: PersonAuthenticator,
  audit: ReadAudit,
  request: FastifyRequest,
  runtime: TenantRuntime,
  secret: PersonSecret,
): Promise<ProvedPerson> {
  const person = await people.authenticate(runtime, secret, request.ip);
  const user = person?.user;
  audit.record(runtime.database, {
    action: 'E',
    outcome: user === undefined ? 'refused' : 'success',
    agent: user === undefined ? 'User/unknown' : `User/${user.id}`,
    entity: 'auth/login',
    // Who somebody said to be, which need not be anybody here.
    ...(user === undefined ? { detail: `as ${secret.email.slice(0, 200)} from ${request.ip}` } : {}),
    requestId: request.id,
  });
  if (person === undefined) throw badRequest('Email or password is wrong');
  if (person.user.mfaRequired === true || person.user.mfaEnrolled === true) {
    throw badRequest('This account needs a second factor, which this server does not offer', { code: 'not-supported' });
  }
  return person;
}
