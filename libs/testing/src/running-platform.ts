import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';

export type AppName = 'control-plane' | 'data-plane' | 'worker';

export interface CreatedProject {
  id: string;
  slug: string;
  baseUrl: string;
  adminClient: { clientId: string; clientSecret: string };
}

/** The three servers of one Boxyard installation, as child processes over one control database. */
export interface RunningPlatform {
  controlUrl: string;
  dataUrl: string;
  workerUrl: string;
  databaseUrl: string;
  /** The environment of its processes. */
  env: NodeJS.ProcessEnv;
  operator: { email: string; password: string };
  /** A bearer token of the first operator. */
  operatorToken(): Promise<string>;
  /** `fetch` on the control plane with the operator's token and a JSON body. */
  control(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Creates a project and waits until it is active. `baseUrl` is its path form, which every system resolves. */
  createProject(slug: string, fields?: Record<string, unknown>): Promise<CreatedProject>;
  /** An access token of a client, by `client_credentials`. */
  clientToken(project: CreatedProject): Promise<string>;
  process(app: AppName): ChildProcess;
  kill(app: AppName, signal?: NodeJS.Signals): Promise<void>;
  start(app: AppName): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the built apps on free ports against `databaseUrl` (a superuser URL of an empty database) and waits until each is
 * ready.
 */
export async function startPlatform(options: {
  databaseUrl: string;
  env?: Record<string, string>;
  apps?: readonly AppName[];
}): Promise<RunningPlatform> {
  const apps = options.apps ?? ['control-plane', 'data-plane', 'worker'];
  const dataDir = await mkdtemp(join(tmpdir(), 'boxyard-platform-'));
  const ports = { 'control-plane': await freePort(), 'data-plane': await freePort(), worker: await freePort() };
  const operator = { email: 'admin@example.com', password: randomBytes(18).toString('base64url') };
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    BOXYARD_DATA_DIR: dataDir,
    DATABASE_URL: options.databaseUrl,
    BOXYARD_MASTER_KEY: randomBytes(32).toString('base64'),
    BOXYARD_ADMIN_EMAIL: operator.email,
    BOXYARD_ADMIN_PASSWORD: operator.password,
    CONTROL_PORT: String(ports['control-plane']),
    DATA_PORT: String(ports['data-plane']),
    WORKER_PORT: String(ports.worker),
    PATH_ROUTING: 'on',
    LOG_FORMAT: 'json',
    LOG_LEVEL: 'warn',
    ...options.env,
  };
  const processes = new Map<AppName, ChildProcess>();
  const urlOf = (app: AppName): string => `http://127.0.0.1:${ports[app]}`;
  let token: Promise<string> | undefined;

  const start = async (app: AppName): Promise<void> => {
    const child = spawn(process.execPath, ['--enable-source-maps', `dist/apps/${app}/src/main.js`], {
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    processes.set(app, child);
    await untilReady(app, `${urlOf(app)}/readyz`, child);
  };
  const kill = async (app: AppName, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    const child = processes.get(app);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  };
  const login = async (): Promise<string> => {
    const response = await fetch(`${urlOf('control-plane')}/control/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(operator),
    });
    const body = (await expectStatus(response, 200)) as { accessToken: string };
    return body.accessToken;
  };

  const platform: RunningPlatform = {
    controlUrl: urlOf('control-plane'),
    dataUrl: urlOf('data-plane'),
    workerUrl: urlOf('worker'),
    databaseUrl: options.databaseUrl,
    env,
    operator,
    operatorToken: () => (token ??= login()),
    control: async (method, path, body, headers) =>
      fetch(`${urlOf('control-plane')}/control/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${await platform.operatorToken()}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      }),
    createProject: async (slug, fields) => {
      const response = await platform.control(
        'POST',
        '/projects',
        { slug, name: slug, fhirVersion: '4.0.1', ...fields },
        { prefer: 'wait=60' },
      );
      const created = (await expectStatus(response, 201)) as {
        project: { id: string; slug: string };
        adminClient: CreatedProject['adminClient'];
      };
      return {
        id: created.project.id,
        slug,
        baseUrl: `${platform.dataUrl}/p/${slug}/`,
        adminClient: created.adminClient,
      };
    },
    clientToken: async (project) => {
      const response = await fetch(`${project.baseUrl}oauth2/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: project.adminClient.clientId,
          client_secret: project.adminClient.clientSecret,
        }).toString(),
      });
      const body = (await expectStatus(response, 200)) as { access_token: string };
      return body.access_token;
    },
    process: (app) => {
      const child = processes.get(app);
      if (!child) throw new Error(`${app} was never started`);
      return child;
    },
    kill,
    start,
    stop: async () => {
      await Promise.all([...processes.keys()].map((app) => kill(app, 'SIGTERM')));
      await rm(dataDir, { recursive: true, force: true });
    },
  };

  try {
    // At once, as Compose starts them: none needs another to be ready.
    await Promise.all(apps.map(start));
  } catch (error) {
    await Promise.all([...processes.keys()].map((app) => kill(app)));
    throw error;
  }
  return platform;
}

/** The JSON body of an answer with the status that the caller needs; the error names the answer otherwise. */
export async function expectStatus(response: Response, status: number): Promise<unknown> {
  const text = await response.text();
  if (response.status !== status)
    throw new Error(`${response.url} answered ${response.status}, not ${status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

async function untilReady(app: AppName, url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`${app} ended before it was ready (exit ${child.exitCode ?? child.signalCode})`);
    }
    const ready = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return;
    if (Date.now() > deadline) throw new Error(`${app} was not ready within 60 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
