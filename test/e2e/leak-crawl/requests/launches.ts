/** Log-ins to an app that was launched for a patient of the other side. */
import type { Probe } from '../probe.js';
import { crawler } from '../world.js';

/** The crawler has come to know the id of the launch: from the history of a browser, say. */
export function launches(): Probe[] {
  const challenge = { codeChallenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', codeChallengeMethod: 'S256' };
  const logIn = (launch: string, scope: string): Probe => ({
    family: 'launch',
    path: 'auth/login',
    method: 'POST',
    body: JSON.stringify({ ...crawler, ...challenge, launch, scope }),
    as: 'nobody',
    expect: [400],
  });
  const launch = { resourceType: 'SmartAppLaunch', id: 'far-launch', patient: { reference: 'Patient/ours-patient-1' } };
  const route = (path: string, more: Partial<Probe> = {}): Probe => ({
    family: 'launch',
    path: `fhir/R4/SmartAppLaunch${path}`,
    expect: [403],
    ...more,
  });
  return [
    logIn('far-launch', 'openid launch'),
    logIn('far-launch', 'openid'),
    logIn('far-launch', 'launch/patient patient/*.cruds'),
    logIn('far-patient-1', 'openid launch'),
    route(''),
    route('/far-launch'),
    route('/far-launch/_history'),
    route('/far-launch', { method: 'PUT', body: JSON.stringify(launch) }),
    route('/far-launch', { method: 'DELETE' }),
    route('', { method: 'POST', body: JSON.stringify({ ...launch, id: undefined }) }),
  ];
}
