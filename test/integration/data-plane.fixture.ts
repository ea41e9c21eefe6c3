/** A data plane over a control database with projects made by hand, as the worker would make them. */
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import type { DataSource } from 'typeorm';
import {
  ClusterRepository,
  DataKeyRepository,
  openControlDatabase,
  OperationRepository,
  ProjectRepository,
  TenantDatabaseRepository,
} from '#control-database';
import { fhirVersion } from '#fhir';
import { tokenHasher } from '#fhir-search';
import { type ProjectSeed, seedProject, tenantDatabase } from '#fhir-store';
import { type Config, createLogger, masterKeyProvider, newId, seal, sha256, uuidv7 } from '#platform';
import { compiledSql, connectOnce } from '#postgres';
import { projectKeys, signingKeyContext, tenantPasswordContext } from '#tenancy';
import type { TestDatabase } from '#testing';
import { type DataPlane, startDataPlane } from '../../apps/data-plane/src/start-data-plane.js';
import { aControlDatabase } from './control-schema.fixture.js';
import { aTenantDatabase, testSchemaVersion } from './tenant-schema.fixture.js';

export interface TestProject {
  id: string;
  slug: string;
  clientId: string;
  clientSecret: string;
  /** `/p/<slug>/` */
  path: string;
  /** `R4` */
  fhirLabel: string;
  kid: string;
  privateKey: string;
  /** With what the project's secrets are sealed. */
  dataKey: Buffer;
  /** The operation under whose lease the test changes the project. */
  fence: string;
  tenantUrl: string;
}

export interface Call {
  method?: string;
  /** Path and query. */
  path: string;
  /** Host header; by default that of the data plane's own address. */
  host?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** The members of answers that tests look at; each answer has some of them. */
export interface AnswerBody {
  resourceType: string;
  id: string;
  type: string;
  total: number;
  active: boolean;
  meta: { versionId: string; lastUpdated: string; project?: string; author?: object };
  link: { relation: string; url: string }[];
  entry: AnswerEntry[];
  issue: { severity: string; code: string; details: { text: string }; expression?: string[] }[];
  keys: Record<string, string>[];
  access_token: string;
  id_token: string;
  error: string;
  error_description: string;
  fhirVersion: string;
  implementation: { url: string };
  rest: { resource: { type: string; updateCreate: boolean; searchParam: { name: string; type: string }[] }[] }[];
}

interface AnswerEntry {
  fullUrl: string;
  search: object;
  request: { method: string };
  response: { status: string; location: string };
  resource: { id: string; meta: AnswerBody['meta']; identifier: { value: string }[] };
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
  text: string;
  /** The body as JSON; throws when it is none. */
  readonly json: AnswerBody;
}

export interface TestPlane {
  config: Config;
  url: string;
  controlUrl: string;
  dataSource: DataSource;
  projects: ProjectRepository;
  plane: DataPlane;
  /** How often the data plane has sent something to the control database since it was started. */
  readonly controlMessages: () => number;
  call(call: Call): Promise<Answer>;
  /** A FHIR request as the project's admin client, by the path route. */
  fhir(project: TestProject, path: string, call?: Omit<Call, 'path'>): Promise<Answer>;
  /** A token of the project's admin client; the same one as long as nobody asks for a new one. */
  token(project: TestProject, fresh?: boolean): Promise<string>;
  /** A project of FHIR R4, or of the version with the number given. */
  createProject(slug: string, fhirVersionId?: string, owner?: ProjectSeed['owner']): Promise<TestProject>;
  close(): Promise<void>;
}

export async function aDataPlane(overrides: Partial<Config> = {}): Promise<TestPlane> {
  const control = await aControlDatabase();
  const masterKey = randomBytes(32);
  const config: Config = {
    dataDir: '/nonexistent',
    databaseUrl: control.url,
    host: '127.0.0.1',
    controlPort: 0,
    dataPort: 0,
    workerPort: 0,
    baseDomain: 'fhir.test',
    trustProxy: false,
    masterKey,
    adminEmail: 'admin@example.com',
    logLevel: 'silent',
    logFormat: 'json',
    pathRouting: true,
    ...overrides,
  };
  const dataSource = await openControlDatabase(config, { migrate: false });
  const proxy = await countingProxy(control.url);
  const projects = new ProjectRepository(dataSource);
  const tenants: TestDatabase[] = [];
  const roles: string[] = [];
  const { hostname, port } = new URL(control.url);
  const cluster = await new ClusterRepository(dataSource).ensure({
    name: 'default',
    host: hostname,
    port: Number(port),
    maxProjects: 100,
    maxConnections: 60,
    reservedConnections: 20,
  });
  const plane = await startDataPlane({ ...config, databaseUrl: proxy.url }, createLogger(config, 'data-plane'));
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const tokens = new Map<string, string>();

  const testPlane: TestPlane = {
    config,
    url: plane.url,
    controlUrl: control.url,
    dataSource,
    projects,
    plane,
    controlMessages: proxy.messages,
    call: (call) => send(plane.url, agent, call),
    token: async (project, fresh = false) => {
      const known = tokens.get(project.id);
      if (known !== undefined && !fresh) return known;
      const answer = await testPlane.call({
        method: 'POST',
        path: `${project.path}oauth2/token`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: project.clientId,
          client_secret: project.clientSecret,
        }).toString(),
      });
      if (answer.status !== 200) throw new Error(`no token: ${answer.status} ${answer.text}`);
      const token = answer.json.access_token;
      tokens.set(project.id, token);
      return token;
    },
    fhir: async (project, path, call = {}) =>
      testPlane.call({
        ...call,
        path: `${project.path}fhir/${project.fhirLabel}${path === '' ? '' : '/'}${path}`,
        headers: {
          authorization: `Bearer ${await testPlane.token(project)}`,
          ...(call.body === undefined ? {} : { 'content-type': 'application/fhir+json' }),
          ...call.headers,
        },
      }),
    createProject: async (slug, fhirVersionId = '4.0.1', projectOwner) => {
      const operations = new OperationRepository(dataSource);
      const id = uuidv7();
      const { operation } = await projects.createProvisioning({
        project: { id, slug, name: `Project ${slug}`, fhirVersion: fhirVersionId, createdBy: 'operator:test' },
        baseUrl: { kind: 'slug', name: slug },
        operation: { id: newId('op'), kind: 'project.create', params: {}, createdBy: 'operator:test' },
      });
      const claimed = await operations.claim(operation.id, 'test', 3_600_000);
      if (claimed === undefined) throw new Error('the operation cannot be claimed');
      const fence = claimed.fence;
      const provider = masterKeyProvider(masterKey);
      const dataKeys = new DataKeyRepository(dataSource);

      const dataKey = randomBytes(32);
      const dataKeyId = randomUUID();
      await dataKeys.insert(dataKeyId, await provider.wrap(dataKey));
      await projects.setDataKey(id, dataKeyId, { fence });

      const tenantDatabases = new TenantDatabaseRepository(dataSource);
      const role = `role_${randomBytes(8).toString('hex')}`;
      roles.push(role);
      const password = randomBytes(16).toString('hex');
      const database = await aTenantDatabase({ role, password });
      tenants.push(database);
      const passwordKey = randomBytes(32);
      const databaseId = randomUUID();
      await tenantDatabases.insertBuilding({
        id: databaseId,
        clusterId: cluster.id,
        databaseName: new URL(database.url).pathname.slice(1),
        roleName: role,
        passwordSealed: seal(passwordKey, password, tenantPasswordContext(databaseId)),
        dataKey: { id: randomUUID(), wrapped: await provider.wrap(passwordKey) },
        schemaVersion: testSchemaVersion(),
        projectId: id,
      });
      await tenantDatabases.claimBuilt(databaseId, id, { fence });

      const kid = randomUUID();
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const signingKey = {
        kid,
        projectId: id,
        publicJwk: publicKey.export({ format: 'jwk' }) as Record<string, unknown>,
        privateSealed: seal(dataKey, privateKey.export({ format: 'der', type: 'pkcs8' }), signingKeyContext(kid)),
      };

      const clientId = randomUUID();
      const clientSecret = randomBytes(32).toString('base64url');
      const owner = await connectOnce(database.url);
      const { searchKey, cursorKey } = projectKeys(dataKey);
      await seedProject(
        tenantDatabase({
          projectId: id,
          version: fhirVersion(fhirVersionId),
          hasher: tokenHasher(searchKey),
          cursorKey,
          schemaVersion: testSchemaVersion(),
          use: (work) => work(owner),
        }),
        {
          project: { id, name: `Project ${slug}` },
          adminClient: { clientId, secretSha256: sha256(clientSecret).toString('hex') },
          ...(projectOwner === undefined ? {} : { owner: projectOwner }),
        },
        'seed',
      );
      await owner.close();
      await projects.activate(id, { fence, signingKey });
      return {
        id,
        slug,
        clientId,
        clientSecret,
        path: `/p/${slug}/`,
        fhirLabel: fhirVersion(fhirVersionId).label,
        kid,
        privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
        dataKey,
        fence,
        tenantUrl: database.url,
      };
    },
    close: async () => {
      agent.destroy();
      await plane.close();
      await proxy.close();
      await dataSource.destroy();
      for (const database of tenants) await database.drop();
      const server = await connectOnce(control.url);
      for (const role of roles) await server.query(compiledSql({ text: `DROP ROLE ${role}`, values: [] }));
      await server.close();
      await control.drop();
    },
  };
  return testPlane;
}

/** Stands between the data plane and the control database, and counts what goes to the database. */
async function countingProxy(target: string): Promise<{ url: string; messages: () => number; close(): Promise<void> }> {
  const { hostname, port } = new URL(target);
  let messages = 0;
  const server = createServer((client) => {
    const database = connect(Number(port), hostname);
    client.on('data', () => messages++);
    client.pipe(database).pipe(client);
    client.on('error', () => database.destroy());
    database.on('error', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    messages: () => messages,
    close: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

function send(url: string, agent: Agent, { method = 'GET', path, host, headers = {}, body }: Call): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const call = request(
      { hostname, port, method, path, agent, headers: { ...(host === undefined ? {} : { host }), ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const text = bytes.toString('utf8');
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            bytes,
            text,
            get json() {
              return JSON.parse(text) as AnswerBody;
            },
          });
        });
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}
