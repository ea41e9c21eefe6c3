import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';

/** Whom the server's processes run as; undefined means as ourselves. */
export interface ServerUser {
  uid: number;
  gid: number;
}

/** Nothing of our environment, which holds secrets, reaches the server. */
export const serverEnvironment = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC' };

/**
 * PostgreSQL refuses to run as root. When we are root it runs as the owner of the cluster if there is one already,
 * else as the existing entry `nobody`; no user is ever created.
 */
export function chooseServerUser(clusterDir: string): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(clusterDir, { throwIfNoEntry: false });
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return findNobody();
}

function findNobody(): ServerUser {
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name === 'nobody' && Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    'PostgreSQL does not run as root, and /etc/passwd has no user "nobody" to run it as. ' +
      'Start as an ordinary user, or set DATABASE_URL to use a PostgreSQL of your own.',
  );
}

/** Whether the user can pass through every folder on the way to `folder`, and through the folder itself. */
export function canTraverse(user: ServerUser | undefined, folder: string): boolean {
  const { status } = spawnSync('/bin/sh', ['-c', 'test -x "$0"', folder], {
    ...user,
    cwd: '/',
    env: serverEnvironment,
    stdio: 'ignore',
  });
  return status === 0;
}
