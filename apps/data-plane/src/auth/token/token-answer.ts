/** The answer of the token endpoint, in the form that MedplumClient expects. */
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { signAccessToken, signIdToken, type TokenSubject } from '../access-token.js';
import { hasScope } from '../scopes.js';
import type { NamedReference } from '../principal.js';

export interface TokenAnswer {
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly scope: string;
  readonly access_token: string;
  readonly id_token?: string;
  readonly refresh_token?: string;
  readonly project: NamedReference;
  readonly profile: NamedReference;
  /**
   * Ids of what is in context (https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html): the patient for whom
   * the app was launched, or the person's own record; and the encounter.
   */
  readonly patient?: string;
  readonly encounter?: string;
}

/** Signs the tokens for `subject` and puts them into an answer. `profile` is shown with its name. */
export function tokenAnswer(
  runtime: TenantRuntime,
  subject: TokenSubject,
  profile: NamedReference,
  refreshToken?: string,
): TokenAnswer {
  const { projectId, name } = runtime.entry;
  const [patient, encounter] = [subject.patient, subject.encounter].map((reference) => reference?.split('/')[1]);
  return {
    token_type: 'Bearer',
    expires_in: subject.accessTokenSeconds,
    scope: subject.scope,
    access_token: signAccessToken(runtime, subject),
    ...(hasScope(subject.scope, 'openid') ? { id_token: signIdToken(runtime, subject) } : {}),
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    project: { reference: `Project/${projectId}`, display: name },
    profile,
    ...(patient === undefined ? {} : { patient }),
    ...(encounter === undefined ? {} : { encounter }),
  };
}
