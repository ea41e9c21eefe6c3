/** What the first step of a log-in is asked to do, read from the fields of a JSON body or of the sign-in page. */
import type { FastifyRequest } from 'fastify';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import type { JsonFields } from '../json-fields.js';
import { findLaunch } from '../launch/launch-context.js';
import { isPersonType, personTypes } from '../profile-types.js';
import { findRegisteredClient } from '../registered-client.js';
import { grantedScope } from '../scopes.js';
import { beginning, type LoginDetails } from './login-details.js';
import { readChallenge } from './pkce.js';

/** What a new log-in is for, before it is known whose it is. */
export type LoginPurpose = Omit<LoginDetails, 'user' | 'passwordMark'>;

/**
 * Reads `clientId`, `projectId`, `scope`, `launch`, `nonce`, `resourceType`, `remember`, `codeChallenge` and `codeChallengeMethod`. What is
 * wrong becomes issues of `fields`: an unknown client or launch, another project's id, a challenge that is missing although the
 * client is not one that may go without.
 */
export async function readLoginPurpose(
  request: FastifyRequest,
  runtime: TenantRuntime,
  fields: JsonFields,
): Promise<LoginPurpose> {
  const clientId = fields.text('clientId');
  const client =
    clientId === undefined ? undefined : await findRegisteredClient(runtime.database, clientId, request.id);
  if (clientId !== undefined && client === undefined) fields.fail('clientId', 'There is no such client');

  const projectId = fields.text('projectId');
  const isRegistering = projectId === 'new';
  if (projectId !== undefined && !isRegistering && projectId !== runtime.entry.projectId) {
    fields.fail('projectId', 'This address belongs to another project');
  }
  const challenge = readChallenge(fields.text('codeChallenge'), fields.text('codeChallengeMethod'));
  if (challenge === 'malformed') fields.fail('codeChallenge', 'The code challenge is malformed');
  if (challenge === 'none' && client?.pkceOptional !== true) fields.fail('codeChallenge', 'A code challenge is needed');
  const scope = grantedScope(fields.text('scope'), client?.defaultScope);
  if (scope === undefined) fields.fail('scope', 'The scope is malformed');
  const profileType = fields.text('resourceType');
  if (profileType !== undefined && !isPersonType(profileType)) {
    fields.fail('resourceType', `A profile is one of ${personTypes.join(', ')}`);
  }
  const launchId = fields.text('launch');
  const launch =
    launchId === undefined
      ? undefined
      : await findLaunch(runtime.database, launchId, { requestId: request.id, now: new Date() });
  if (launchId !== undefined && launch === undefined) fields.fail('launch', 'There is no such launch');
  const nonce = fields.text('nonce');
  return {
    ...(client === undefined ? {} : { client: client.id }),
    scope: scope ?? '',
    ...(launch === undefined ? {} : { launch }),
    ...(nonce === undefined ? {} : { nonce }),
    ...(typeof challenge === 'string' ? {} : challenge),
    remember: fields.flag('remember'),
    ...(profileType === undefined ? {} : { profileType }),
    ...(isRegistering ? { registering: true } : {}),
    ...beginning(request),
  };
}
