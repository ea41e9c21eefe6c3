import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { Binaries } from './binaries.js';
import { fallbackClusterDir, fallbackPlace } from './fallback-place.js';
import { canTraverse, chooseServerUser, serverEnvironment, type ServerUser } from './server-user.js';
import type { EmbeddedLog } from './embedded-log.js';

/** Where the cluster's files are, and whom they belong to. */
export interface ClusterPlace {
  clusterDir: string;
  user: ServerUser | undefined;
}

export const superuser = 'boxyard';

/**
 * The cluster is `<dataDir>/postgres`, unless we are root and the server's user cannot reach that: then it is kept in
 * a place that it can, and stays there.
 */
export function choosePlace(dataDir: string, log: EmbeddedLog): ClusterPlace {
  const ownDir = path.join(dataDir, 'postgres');
  const user = chooseServerUser(ownDir);
  if (user === undefined) return { clusterDir: ownDir, user };
  const reachable = canTraverse(user, dataDir);
  if (existsSync(path.join(ownDir, 'PG_VERSION'))) {
    if (reachable) return { clusterDir: ownDir, user };
    throw new Error(
      `The user that PostgreSQL runs as (uid ${user.uid}) cannot reach its files in ${ownDir}. ` +
        'Allow every user to pass through the folders above it (chmod o+x).',
    );
  }
  const place = reachable ? undefined : fallbackPlace(user);
  const otherDir = fallbackClusterDir(place ?? '/var/lib/boxyard', dataDir);
  if (place === undefined && !existsSync(path.join(otherDir, 'PG_VERSION'))) return { clusterDir: ownDir, user };
  log.warn(
    { clusterDir: otherDir },
    `the database files are kept outside ${dataDir}, since PostgreSQL does not run as root and its user cannot reach it`,
  );
  mkdirSync(path.dirname(otherDir), { recursive: true, mode: 0o755 });
  return { clusterDir: otherDir, user: chooseServerUser(otherDir) };
}

/**
 * Makes the cluster if there is none, whole or not at all, and gives the superuser's password, which is kept in
 * `<dataDir>/postgres-password`. Refuses a cluster of another major version.
 */
export function ensureCluster(
  dataDir: string,
  { clusterDir, user }: ClusterPlace,
  binaries: Binaries,
  options: { sync: boolean; log: EmbeddedLog },
): { password: string } {
  removeDrafts(clusterDir);
  const passwordFile = path.join(dataDir, 'postgres-password');
  if (existsSync(path.join(clusterDir, 'PG_VERSION'))) {
    assertVersion(clusterDir, binaries);
    return { password: readPassword(passwordFile, clusterDir) };
  }
  assertEmpty(clusterDir);
  const password = existsSync(passwordFile) ? readPassword(passwordFile, clusterDir) : createPassword(passwordFile);
  options.log.info({ clusterDir, version: binaries.version }, 'creating the embedded PostgreSQL');
  runInitdb(clusterDir, user, binaries, password, options.sync);
  return { password };
}

function assertVersion(clusterDir: string, binaries: Binaries): void {
  const found = Number.parseInt(readOwned(path.join(clusterDir, 'PG_VERSION'), clusterDir), 10);
  if (found === binaries.major) return;
  throw new Error(
    found > binaries.major
      ? `The database in ${clusterDir} was made by PostgreSQL ${found}, and this release brings ${binaries.major}. ` +
          'Start the newer release that made it.'
      : `The database in ${clusterDir} was made by PostgreSQL ${found}, and this release brings ${binaries.major}, ` +
          'which cannot read it. Start the release that made it, or move the data by a backup.',
  );
}

function assertEmpty(clusterDir: string): void {
  if (existsSync(clusterDir) && readFolder(clusterDir).length > 0) {
    throw new Error(`${clusterDir} is not empty and is no PostgreSQL cluster. Move it away, or set BOXYARD_DATA_DIR.`);
  }
}

function readPassword(file: string, clusterDir: string): string {
  if (!existsSync(file)) throw new Error(`${file} is missing: without it nobody can log in to ${clusterDir}.`);
  return readOwned(file, clusterDir).trim();
}

function readFolder(clusterDir: string): string[] {
  try {
    return readdirSync(clusterDir);
  } catch (cause) {
    throw notOurs(clusterDir, clusterDir, cause);
  }
}

function readOwned(file: string, clusterDir: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw notOurs(file, clusterDir, cause);
  }
}

function notOurs(file: string, clusterDir: string, cause: unknown): Error {
  const { code } = cause as NodeJS.ErrnoException;
  return new Error(`${file} cannot be read (${code}). Start as the user who made ${clusterDir}, or as root.`, {
    cause,
  });
}

function createPassword(file: string): string {
  const password = randomBytes(32).toString('base64url');
  writeFileSync(file, `${password}\n`, { mode: 0o600, flush: true });
  chmodSync(file, 0o600);
  return password;
}

const draftMark = '.draft-';

/** What an interrupted initdb left. */
function removeDrafts(clusterDir: string): void {
  const parent = path.dirname(clusterDir);
  for (const entry of readdirSync(parent)) {
    if (entry.startsWith(`${path.basename(clusterDir)}${draftMark}`)) {
      rmSync(path.join(parent, entry), { recursive: true, force: true });
    }
  }
}

/** Runs initdb on a folder beside the final one, which gets its name only when everything is there. */
function runInitdb(
  clusterDir: string,
  user: ServerUser | undefined,
  binaries: Binaries,
  password: string,
  sync: boolean,
): void {
  const draft = `${clusterDir}${draftMark}${randomBytes(4).toString('hex')}`;
  const passwordFile = `${draft}.password`;
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user !== undefined) {
    chownSync(draft, user.uid, user.gid);
    chownSync(passwordFile, user.uid, user.gid);
  }
  const parameters = [
    `--pgdata=${draft}`,
    `--username=${superuser}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    // The one password that initdb hashes has 256 random bits, which need no stretching.
    '--set=scram_iterations=1',
    '--no-instructions',
    ...(sync ? [] : ['--no-sync']),
  ];
  try {
    const run = spawnSync(binaries.initdb, parameters, { ...user, cwd: '/', env: serverEnvironment, encoding: 'utf8' });
    if (run.status !== 0) {
      throw new Error(
        `initdb could not make ${clusterDir}: ${run.error?.message ?? (run.stderr || run.stdout).trim()}`,
      );
    }
    rmSync(clusterDir, { recursive: true, force: true });
    renameSync(draft, clusterDir);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(draft, { recursive: true, force: true });
  }
}
