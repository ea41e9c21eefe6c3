import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export type ServerName = 'control-plane' | 'data-plane' | 'worker';

const readyTimeoutMs = 120_000;
const stopTimeoutMs = 20_000;
const pollMs = 50;

/** One of the three servers, as a child process of the launcher. */
export class Server {
  /** Resolves with how it ended. */
  readonly exited: Promise<string>;
  private readonly child: ChildProcess;

  /**
   * Starts the server. Its output is ours. The IPC channel carries no messages: it closes when the launcher ends,
   * however that happens, and then the server stops by itself (see `stopOnSignals`).
   */
  constructor(
    readonly name: ServerName,
    private readonly url: string,
    env: NodeJS.ProcessEnv,
  ) {
    const main = fileURLToPath(new URL(`../../${name}/src/main.js`, import.meta.url));
    this.child = spawn(process.execPath, ['--enable-source-maps', main], {
      env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.exited = new Promise((resolve) => {
      this.child.once('exit', (code, signal) => resolve(signal === null ? `exit status ${code}` : `signal ${signal}`));
      this.child.once('error', (error) => resolve(error.message));
    });
  }

  /** Resolves when the server says that it is ready; rejects when it ends before, or is not ready in two minutes. */
  async becomesReady(): Promise<void> {
    let end: string | undefined;
    void this.exited.then((how) => (end = how));
    const deadline = performance.now() + readyTimeoutMs;
    while (!(await this.isReady())) {
      if (end !== undefined) throw new Error(`${this.name} ended before it was ready (${end}); see its message above.`);
      if (performance.now() > deadline) throw new Error(`${this.name} is not ready after ${readyTimeoutMs / 1000} s.`);
      await pause(pollMs);
    }
  }

  /** Asks the server to finish its work and end; after 20 s it is killed. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    const impatience = setTimeout(() => this.child.kill('SIGKILL'), stopTimeoutMs);
    await this.exited;
    clearTimeout(impatience);
  }

  private async isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(5_000) })).ok;
    } catch {
      // Nothing listens there yet.
      return false;
    }
  }
}
