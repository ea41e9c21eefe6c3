/** The process behind `npm start`, with everything it starts. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { getPriority, tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '#testing';

// Each start makes a cluster of its own and starts three servers: on a slow machine that takes half a minute.
const timeoutMs = 300_000;

let home: string;
let launched: Launched | undefined;

/** A launcher and what it has said so far. */
class Launched {
  output = '';
  readonly exited: Promise<number | NodeJS.Signals | null>;
  private readonly child: ChildProcess;
  private onOutput: () => void = () => undefined;

  constructor(env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [path.resolve('dist/apps/standalone/src/main.js')], {
      cwd: home,
      env: { ...cleanEnvironment(), CONTROL_PORT: '0', DATA_PORT: '0', WORKER_PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Its own group, so that a test can send what Ctrl-C sends.
      detached: true,
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
        this.onOutput();
      });
    }
    this.exited = new Promise((resolve) => this.child.once('close', (code, signal) => resolve(code ?? signal)));
  }

  /** Resolves with the URLs of the two planes. */
  async isRunning(): Promise<{ control: string; data: string }> {
    const banner = new Promise<void>((resolve) => {
      this.onOutput = () => {
        if (this.output.includes('Boxyard is running.') && /data {11}/.test(this.output)) resolve();
      };
      this.onOutput();
    });
    const early = this.exited.then((status) => {
      throw new Error(`The launcher ended (${status}):\n${this.output}`);
    });
    await Promise.race([banner, early]);
    const url = (plane: string) => new RegExp(`${plane} +(http://[0-9.:]+)`).exec(this.output)?.[1] ?? '';
    return { control: url('control plane'), data: url('data plane') };
  }

  interrupt(): void {
    process.kill(-this.pid, 'SIGINT');
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }
}

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'boxyard start '));
  chmodSync(home, 0o755);
});

afterEach(async () => {
  launched?.kill('SIGTERM');
  await launched?.exited;
  launched = undefined;
  rmSync(home, { recursive: true, force: true });
});

test(
  'the first start prints the first operator, Ctrl-C stops everything, and a second start finds it all',
  async () => {
    launched = new Launched();
    const first = await launched.isRunning();
    for (const url of Object.values(first)) expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const password = /password: +(\S+)/.exec(launched.output)?.[1];
    expect(password).toMatch(/^[A-Za-z0-9_-]{20,}$/);
    expect(await logIn(first.control, password ?? '')).toBe(200);
    const client = await createProject(first.control, password ?? '');
    const servers = descendantsOf(launched.pid);
    // What hardly anybody waits for gives way to what somebody does.
    expect(getPriority(workerOf(servers))).toBeGreaterThanOrEqual(10);
    launched.interrupt();
    expect(await launched.exited).toBe(0);
    expect(launched.output).toMatch(/Boxyard has stopped\.\s*$/);
    expect(servers.filter(isAlive)).toEqual([]);

    const port = await freePort();
    launched = new Launched({ DATA_PORT: String(port) });
    // A data plane that says it is ready reaches the projects, though PostgreSQL listens on another port now.
    await becomesReady(`http://127.0.0.1:${port}`);
    expect((await tokenOf(`http://127.0.0.1:${port}`, client)).status).toBe(200);
    const second = await launched.isRunning();
    expect(launched.output).not.toContain('password');
    expect(await logIn(second.control, password ?? '')).toBe(200);
  },
  timeoutMs,
);

test(
  'when the launcher is killed its servers end by themselves, and the next start works',
  async () => {
    launched = new Launched();
    await launched.isRunning();
    const servers = descendantsOf(launched.pid);
    expect(servers.length).toBeGreaterThan(3);
    launched.kill('SIGKILL');
    while (servers.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 50));
    launched = new Launched();
    await launched.isRunning();
  },
  timeoutMs,
);

test(
  'when a server ends by itself everything is stopped, with the reason and status 1',
  async () => {
    launched = new Launched();
    await launched.isRunning();
    process.kill(workerOf(descendantsOf(launched.pid)), 'SIGKILL');
    expect(await launched.exited).toBe(1);
    expect(launched.output).toMatch(/worker ended unexpectedly \(signal SIGKILL\)/);
  },
  timeoutMs,
);

test.each(['CONTROL_PORT', 'DATA_PORT', 'WORKER_PORT'])(
  'a taken port is told by its variable, %s',
  async (variable) => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    launched = new Launched({ [variable]: String((holder.address() as AddressInfo).port) });
    expect(await launched.exited).toBe(1);
    expect(launched.output).toMatch(new RegExp(`${variable}: port \\d+ on 127\\.0\\.0\\.1 is in use`));
    await new Promise((resolve) => holder.close(resolve));
  },
  timeoutMs,
);

test(
  'a wrong variable stops the start by its name, without its value',
  async () => {
    launched = new Launched({ BOXYARD_MASTER_KEY: 'not-a-key' });
    expect(await launched.exited).toBe(1);
    expect(launched.output).toContain('BOXYARD_MASTER_KEY: expected 32 bytes in base64');
    expect(launched.output).not.toContain('not-a-key');
  },
  timeoutMs,
);

interface AdminClient {
  clientId: string;
  clientSecret: string;
}

async function logIn(control: string, password: string): Promise<number> {
  return (await requestLogin(control, password)).status;
}

function requestLogin(control: string, password: string): Promise<Response> {
  return fetch(`${control}/control/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'admin@example.com', password }),
  });
}

async function createProject(control: string, password: string): Promise<AdminClient> {
  const { accessToken } = (await (await requestLogin(control, password)).json()) as { accessToken: string };
  const answer = await fetch(`${control}/control/v1/projects`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${accessToken}`, prefer: 'wait=60' },
    body: JSON.stringify({ slug: 'quay', name: 'Quay', fhirVersion: 'R4' }),
  });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { adminClient: AdminClient }).adminClient;
}

function tokenOf(data: string, { clientId, clientSecret }: AdminClient): Promise<Response> {
  const grant = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret };
  return fetch(`${data}/p/quay/oauth2/token`, { method: 'POST', body: new URLSearchParams(grant) });
}

async function becomesReady(url: string): Promise<void> {
  const status = () =>
    fetch(`${url}/readyz`).then(
      (answer) => answer.status,
      () => undefined,
    );
  while ((await status()) !== 200) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Nothing of the test run's own configuration. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: process.env['HOME'] };
}

/** Children, their children, and so on; found by the parent that each process names. */
function descendantsOf(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && statFields(Number(entry))[1] === String(pid))
    .map(Number);
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

const workerOf = (servers: readonly number[]): number =>
  servers.find((pid) => commandOf(pid).includes('worker/src/main.js')) ?? 0;

function isAlive(pid: number): boolean {
  return !['Z', 'X', undefined].includes(statFields(pid)[0]);
}

function statFields(pid: number): string[] {
  const stat = procFile(pid, 'stat');
  return stat === undefined ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function commandOf(pid: number): string {
  return procFile(pid, 'cmdline')?.replaceAll('\0', ' ') ?? '';
}

/** Undefined for a process that has ended: PostgreSQL's backends come and go between listing and reading. */
function procFile(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return undefined;
  }
}
