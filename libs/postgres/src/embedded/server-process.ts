import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Binaries } from './binaries.js';
import type { ClusterPlace } from './cluster.js';
import { serverEnvironment } from './server-user.js';
import { toArguments, type ServerSettings } from './settings.js';
import type { EmbeddedLog } from './embedded-log.js';

const largestLogBytes = 10 * 1024 * 1024;
const pollMs = 10;
const tellEveryMs = 10_000;
const fastStopTimeoutMs = 120_000;

/** A postmaster that accepts connections on `port` of the loopback address. */
export interface ServerProcess {
  readonly port: number;
  /** Resolves when the server is no longer there, whatever the reason. */
  readonly exited: Promise<void>;
  /** Ends connections, writes a checkpoint and stops; after two minutes without it, leaving recovery to the next start. */
  stop(): Promise<void>;
}

export interface ServerLaunch {
  place: ClusterPlace;
  binaries: Binaries;
  settings: ServerSettings;
  logFile: string;
  /** Unset: any free port. */
  port?: number;
  log: EmbeddedLog;
}

/** Starts the postmaster and waits until it accepts connections, recovery from a crash included. */
export async function startServer(launch: ServerLaunch): Promise<ServerProcess> {
  keepLogSmall(launch.logFile);
  const retryUntil = performance.now() + 10_000;
  for (;;) {
    const port = launch.port ?? (await findFreePort());
    const logStart = statSync(launch.logFile, { throwIfNoEntry: false })?.size ?? 0;
    const child = spawnPostmaster(launch, port);
    const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
    if (await becomesReady(child, launch)) return new RunningServer(child, port, exited);
    const problem = readFileSync(launch.logFile, 'utf8').slice(logStart).trim();
    // Another process may have taken the port in between; processes of a killed server may need a moment to end.
    const passes =
      (launch.port === undefined && problem.includes('could not create any TCP/IP sockets')) ||
      problem.includes('pre-existing shared memory block');
    if (!passes || performance.now() > retryUntil) {
      throw new Error(`The embedded PostgreSQL did not start (its log is ${launch.logFile}):\n${problem}`);
    }
    await pause(100);
  }
}

class RunningServer implements ServerProcess {
  private readonly guard: ChildProcess;
  private stopping: Promise<void> | undefined;

  constructor(
    private readonly child: ChildProcess,
    readonly port: number,
    readonly exited: Promise<void>,
  ) {
    this.guard = spawnGuard(child);
    void exited.then(() => this.guard.kill('SIGKILL'));
  }

  stop(): Promise<void> {
    this.stopping ??= this.stopNow();
    return this.stopping;
  }

  private async stopNow(): Promise<void> {
    this.child.kill('SIGINT');
    const impatience = setTimeout(() => this.child.kill('SIGQUIT'), fastStopTimeoutMs);
    await this.exited;
    clearTimeout(impatience);
  }
}

function spawnPostmaster({ place, binaries, settings, logFile }: ServerLaunch, port: number): ChildProcess {
  const logFd = openSync(logFile, 'a', 0o600);
  try {
    return spawn(binaries.postgres, ['-D', place.clusterDir, '-p', String(port), ...toArguments(settings)], {
      ...place.user,
      cwd: place.clusterDir,
      env: serverEnvironment,
      stdio: ['ignore', logFd, logFd],
      // Its own process group: Ctrl-C must reach the server only through us, after those who use it have stopped.
      detached: true,
    });
  } finally {
    closeSync(logFd);
  }
}

/**
 * Stops the server when we are killed. The guard waits on a pipe that only we hold; the kernel closes it when we end,
 * however that happens. Those who use the server notice our end too and get a moment for their last statements.
 */
function spawnGuard(postmaster: ChildProcess): ChildProcess {
  const guard = spawn('/bin/sh', ['-c', 'read -r line; sleep 1; kill -INT "$0"', String(postmaster.pid)], {
    env: serverEnvironment,
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}

async function becomesReady(child: ChildProcess, { place, log }: ServerLaunch): Promise<boolean> {
  const spawnError = new Promise<never>((_, reject) => child.once('error', reject));
  const statusFile = path.join(place.clusterDir, 'postmaster.pid');
  let tellAt = performance.now() + tellEveryMs;
  while (child.exitCode === null && child.signalCode === null) {
    if (isReady(statusFile, child.pid)) return true;
    if (performance.now() > tellAt) {
      log.info('PostgreSQL is still starting: it recovers from an unclean stop');
      tellAt += tellEveryMs;
    }
    await Promise.race([pause(pollMs), spawnError]);
  }
  return false;
}

/** The postmaster writes its state into the eighth line of its pid file. */
function isReady(statusFile: string, pid: number | undefined): boolean {
  let lines: string[];
  try {
    lines = readFileSync(statusFile, 'utf8').split('\n');
  } catch {
    return false;
  }
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

function keepLogSmall(logFile: string): void {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > largestLogBytes) renameSync(logFile, `${logFile}.1`);
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
