import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { DataSource } from 'typeorm';
import {
  openControlDatabase,
  OperationRepository,
  OperatorRepository,
  ProjectRepository,
  Transactions,
  type OperatorRole,
} from '#control-database';
import type { TenantMigration } from '#migrations/tenant';
import { listenOn, uuidv7, type Config } from '#platform';
import { aDatabase, quickPasswordHash, type TestDatabase } from '#testing';
import { issueAccessToken } from '../../apps/control-plane/src/auth/access-token.js';
import { ControlKeys } from '../../apps/control-plane/src/environment/control-keys.js';
import { openControlPlane } from '../../apps/control-plane/src/open-control-plane.js';

export const adminPassword = 'a-password-for-tests';
export const masterKey = Buffer.alloc(32, 7);

/** Every operator that a test makes has the password `test-password`. */
const testPasswordHash = quickPasswordHash('test-password');

export interface Reply {
  status: number;
  headers: Headers;
  /** The parsed JSON body; text when it is none. A test says what it expects there, so the compiler need not. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}

export interface RequestOptions {
  token?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
}

/** One control plane in this process, over a real port and a database of its own or of another one. */
export interface ControlPlane {
  url: string;
  database: TestDatabase;
  dataSource: DataSource;
  /** All that it has logged. */
  log(): string;
  announced: string[];
  dataDir: string;
  /** A request below `/control/v1`, as the first operator unless another token, or null for none, is given. */
  send(method: string, route: string, options?: RequestOptions): Promise<Reply>;
  login(email: string, password: string, address?: string): Promise<Reply>;
  /** A token of a new operator with this role. */
  operator(role: OperatorRole): Promise<{ id: string; email: string; token: string }>;
  /** Does what a worker does for project.create. */
  build(operationId: string): Promise<void>;
  /** Does what a worker does for any operation that only has to end. */
  end(operationId: string): Promise<void>;
  stop(): Promise<void>;
}

export async function aControlPlane(
  options: {
    database?: TestDatabase;
    config?: Partial<Config>;
    withoutLogin?: boolean;
    migrations?: readonly (new () => TenantMigration)[];
  } = {},
): Promise<ControlPlane> {
  const database = options.database ?? (await aDatabase());
  const dataDir = await mkdtemp(path.join(tmpdir(), 'boxyard-control-'));
  const config: Config = {
    dataDir,
    databaseUrl: database.url,
    host: '127.0.0.1',
    controlPort: 0,
    dataPort: 4100,
    workerPort: 0,
    baseDomain: 'localhost',
    trustProxy: 1,
    masterKey,
    adminEmail: 'admin@example.com',
    adminPassword,
    logLevel: 'trace',
    logFormat: 'json',
    pathRouting: true,
    ...options.config,
  };
  const lines: string[] = [];
  const logger = pino(
    { level: 'trace' },
    new Writable({ write: (chunk: Buffer, _, done) => (lines.push(chunk.toString()), done()) }),
  );
  const announced: string[] = [];
  const app = await openControlPlane({
    ...{ config, logger, announce: (line) => void announced.push(line) },
    migrations: options.migrations,
  });
  const url = await listenOn(app, config.host, 0, 'CONTROL_PORT');
  const dataSource = await openControlDatabase(config, { migrate: false });
  const operations = new OperationRepository(dataSource);
  const projects = new ProjectRepository(dataSource);
  let adminToken: string | undefined;

  const plane: ControlPlane = {
    url,
    database,
    dataSource,
    log: () => lines.join(''),
    announced,
    dataDir,
    send: async (method, route, { token = adminToken, body, headers = {} } = {}) => {
      const reply = await request(`${url}/control/v1${route}`, method, body, {
        ...(token == null ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      });
      // No test wants one; the log says why it came.
      if (reply.status === 500)
        throw new Error(`${method} ${route}: ${lines.findLast((line) => line.includes('"err"'))}`);
      return reply;
    },
    login: (email, password, address = '192.0.2.1') =>
      plane.send('POST', '/auth/login', {
        token: null,
        body: { email, password },
        headers: { 'x-forwarded-for': address },
      }),
    operator: async (role) => {
      const id = uuidv7();
      const email = `${role}-${id}@example.org`;
      await new OperatorRepository(dataSource).insert({ id, email, role, passwordHash: testPasswordHash });
      return {
        id,
        email,
        token: issueAccessToken(new ControlKeys(config.masterKey ?? masterKey).accessToken, id, new Date()),
      };
    },
    build: async (operationId) => {
      const operation = await operations.claim(operationId, 'test-worker', 30_000);
      if (operation === undefined) throw new Error(`${operationId} cannot be claimed`);
      const { fence, projectId } = operation;
      await operations.recordStep(operationId, fence, 'reserve', 'done');
      await new Transactions(dataSource).run(async (transaction) => {
        await projects.activate(projectId!, { fence }, transaction);
        await operations.finish(operationId, fence, 'succeeded', undefined, transaction);
      });
    },
    end: async (operationId) => {
      const operation = await operations.claim(operationId, 'test-worker', 30_000);
      if (operation === undefined) throw new Error(`${operationId} cannot be claimed`);
      await operations.finish(operationId, operation.fence, 'succeeded');
    },
    stop: async () => {
      await app.close();
      await dataSource.destroy();
      await rm(dataDir, { recursive: true, force: true });
      if (options.database === undefined) await database.drop();
    },
  };
  if (options.withoutLogin !== true) {
    adminToken = (await plane.login(config.adminEmail, adminPassword)).body.accessToken as string;
  }
  return plane;
}

export async function request(
  url: string,
  method: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Reply> {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parse(text) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

let names = 0;
/** A slug that no other test of the file uses. */
export const aSlug = (): string => `slug-${++names}-${Math.random().toString(36).slice(2, 8)}`;

/** What the creation of a project answers, which no worker builds. */
export async function aProvisioningProject(plane: ControlPlane) {
  const body = { slug: aSlug(), name: 'Quay', fhirVersion: '4.0.1' };
  return (await plane.send('POST', '/projects', { body })).body;
}

/** Polls until the condition holds; fails after 30 s. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not come true within 30 s');
    await new Promise((done) => setTimeout(done, 5));
  }
}
