import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Refusal } from './refusal.js';

/** The tag of the last release (`v…`) before what is checked out in the current folder; undefined when there is none. */
export function lastRelease(): string | undefined {
  const { status, stdout } = spawnSync('git', ['describe', '--tags', '--abbrev=0', '--match', 'v*'], {
    encoding: 'utf8',
  });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Runs `work` with a folder that holds what the release was made of, but with the tenant migrations and the installed
 * packages of the current folder: the older code on the newer schema. Nothing of it stays.
 */
export function withCodeOf(release: string, work: (folder: string) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'boxyard-earlier-'));
  // The server that its tests start may run as another user.
  chmodSync(folder, 0o755);
  try {
    const archive = path.join(folder, 'release.tar');
    run('git', ['archive', '--output', archive, release]);
    run('tar', ['-xf', archive, '-C', folder]);
    rmSync(archive);
    const migrations = path.join(folder, 'migrations/tenant');
    rmSync(migrations, { recursive: true });
    cpSync('migrations/tenant', migrations, { recursive: true });
    symlinkSync(path.resolve('node_modules'), path.join(folder, 'node_modules'));
    work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(program: string, parameters: readonly string[]): void {
  const { status, stderr } = spawnSync(program, parameters, { encoding: 'utf8' });
  if (status !== 0) throw new Refusal(`${program} ${parameters.join(' ')} fails: ${stderr}`);
}
