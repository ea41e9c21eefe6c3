import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { CommandError } from '../api/problem-error.js';

export interface Login {
  readonly email: string;
  readonly accessToken: string;
  readonly expiresAt: string;
}

/** What is stored: a login per control plane, and the control plane of the last one, which commands mean by default. */
export interface StoredLogins {
  readonly current?: string;
  readonly logins: Readonly<Record<string, Login>>;
}

/**
 * Where logins are stored: below `XDG_CONFIG_HOME`, which counts only as an absolute path
 * (https://specifications.freedesktop.org/basedir-spec/latest/), else below `~/.config`.
 */
export function credentialsPath(env: NodeJS.ProcessEnv): string {
  const given = env['XDG_CONFIG_HOME'] ?? '';
  const base = path.isAbsolute(given) ? given : path.join(env['HOME'] || homedir(), '.config');
  return path.join(base, 'boxyard', 'credentials.json');
}

/** The stored logins; none when there is no file. Throws a CommandError for a file that this program has not written. */
export async function readLogins(file: string): Promise<StoredLogins> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { logins: {} };
    throw new CommandError(`${file} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
  try {
    const stored = JSON.parse(text) as Partial<StoredLogins> | null;
    if (typeof stored?.logins === 'object' && stored.logins !== null) return { ...stored, logins: stored.logins };
  } catch {
    // The parser's words hold what stands in the file, which are secrets.
  }
  throw new CommandError(`${file} is damaged; delete it and log in again.`);
}

/** Adds a login and makes its control plane the current one. Nobody but the owner of the file can read it. */
export async function storeLogin(file: string, url: string, login: Login): Promise<void> {
  const { logins } = await readLogins(file);
  const stored: StoredLogins = { current: url, logins: { ...logins, [url]: login } };
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  // A whole file takes the place of the other, so that neither a reader nor a full disk finds half of one.
  const draft = `${file}.${process.pid}`;
  try {
    const handle = await open(draft, 'w', 0o600);
    try {
      // The mode above counts only for a file that was not there.
      await handle.chmod(0o600);
      await handle.writeFile(`${JSON.stringify(stored, null, 2)}\n`);
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw new CommandError(`${file} cannot be written: ${(error as Error).message}.`, { cause: error });
  }
}
