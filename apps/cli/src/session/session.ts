import { ControlPlaneClient } from '../api/control-plane-client.js';
import { CommandError } from '../api/problem-error.js';
import type { Terminal } from '../output/terminal.js';
import { controlUrl } from './control-url.js';
import { credentialsPath, readLogins, type StoredLogins } from './credentials-file.js';

/** Where `npm start` listens. */
const defaultUrl = 'http://localhost:4000';

/** The control plane that a command means: the option, the variable, the one of the last login, or that of `npm start`. */
export function chooseUrl(
  option: string | undefined,
  env: NodeJS.ProcessEnv,
  { current }: Pick<StoredLogins, 'current'>,
): string {
  return controlUrl(option ?? (env['BOXYARD_CONTROL_URL'] || (current ?? defaultUrl)));
}

/**
 * A client of the control plane that the command means, with the API key of `BOXYARD_API_KEY`, else the token of the
 * last login there. Throws a CommandError that says how to log in when there is neither.
 */
export async function openSession(
  option: string | undefined,
  { env, now, interrupted }: Terminal,
): Promise<ControlPlaneClient> {
  const stored = await readLogins(credentialsPath(env));
  const url = chooseUrl(option, env, stored);
  const apiKey = env['BOXYARD_API_KEY']?.trim();
  if (apiKey) return new ControlPlaneClient(url, interrupted, apiKey);
  const login = stored.logins[url];
  const wayIn = `Run \`boxyard login --url ${url}\`, or set BOXYARD_API_KEY.`;
  if (login === undefined) throw new CommandError(`You are not logged in at ${url}. ${wayIn}`);
  if (Date.parse(login.expiresAt) <= now().getTime()) {
    throw new CommandError(`Your login at ${url} has ended; it was good for an hour. ${wayIn}`);
  }
  return new ControlPlaneClient(url, interrupted, login.accessToken);
}
