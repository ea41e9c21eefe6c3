import type { FastifyRequest } from 'fastify';
import { badRequest } from '#fhir';
import type { ReadAudit } from '#fhir-store';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import type { PersonAuthenticator, PersonSecret, ProvedPerson } from './person-authenticator.js';

/**
 * The person with this address and password, recorded in the audit either way. Throws 400 when they are wrong. Whether the
 * person must give a second factor too is for the log-in to find out.
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
  return person;
}
