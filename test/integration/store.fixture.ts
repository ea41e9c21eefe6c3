/** A tenant database as the worker makes one, reached through the project's own role. */
import { fhirVersion, readResource, type JsonObject, type ResourceText } from '#fhir';
import { tokenHasher } from '#fhir-search';
import { policyByType, systemPolicy, type AccessPolicy } from '#access-policy';
import { ResourceRepository, tenantDatabase, type Caller, type TenantDatabase } from '#fhir-store';
import {
  compiledSql,
  connectOnce,
  ConnectionBroker,
  type Connection,
  type DatabaseTarget,
  type OwnedConnection,
} from '#postgres';
import { randomBytes, randomUUID } from 'node:crypto';
import { aTenantDatabase, testSchemaVersion } from './tenant-schema.fixture.js';

export interface TestTenant {
  readonly tenant: TenantDatabase;
  /** Where it is and how the project's role logs in. */
  readonly target: DatabaseTarget;
  /** A connection to the same database as its owner. */
  readonly owner: OwnedConnection;
  /** Opens one more connection as the project's role; close it. */
  connect(): Promise<OwnedConnection>;
  /** A repository whose caller may do everything, at the epoch of this moment, unless `caller` says otherwise. */
  repository(caller?: Partial<Caller>): Promise<ResourceRepository>;
  epoch(): Promise<string>;
  /** Resolves when a statement of the project waits for a lock. */
  untilBlocked(): Promise<void>;
  /** Resolves when the database's clock is past `moment` by a millisecond at least. */
  untilLater(moment: string): Promise<void>;
  /** How many rows a query of the owner gives; the text is a test's own. */
  rows<Row extends object = Record<string, unknown>>(text: string, ...values: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

export const baseUrl = 'https://quay.example.org/fhir/R4/';

/** May read and write everything, but is no administrator. */
export const memberPolicy: AccessPolicy = policyByType(() => true, { reason: 'test: a member', projectAdmin: false });

/** May do only what `granted` says: `read Patient`, or `read *`. */
export function policyOf(...granted: string[]): AccessPolicy {
  const rules = new Set(granted);
  const grants: AccessPolicy['grants'] = (interaction, type) =>
    rules.has(`${interaction} ${type}`) || rules.has(`${interaction} *`);
  return policyByType(grants, { reason: 'test: some interactions', projectAdmin: false });
}

/** A tenant of the given FHIR version, by label or number, and tenant schema. */
export async function aTenant(version = 'R4', schemaVersion = testSchemaVersion()): Promise<TestTenant> {
  const role = `role_${randomBytes(8).toString('hex')}`;
  const password = randomBytes(16).toString('hex');
  const database = await aTenantDatabase({ role, password }, schemaVersion);
  const owner = await connectOnce(database.url);
  const run = (text: string) => owner.query(compiledSql({ text, values: [] }));

  const { hostname, port, pathname } = new URL(database.url);
  const target = {
    key: `${randomUUID()}:1`,
    clusterId: 'cl_test',
    host: hostname,
    port: Number(port),
    database: pathname.slice(1),
    user: role,
    password,
  };
  const broker = new ConnectionBroker({ maxConnections: 12, perTenant: 10, queueDeadlineMs: 20_000 });
  const tenant = tenantDatabase({
    projectId: randomUUID(),
    version: fhirVersion(version),
    hasher: tokenHasher(randomBytes(32)),
    cursorKey: randomBytes(32),
    schemaVersion,
    ownBaseUrls: [baseUrl],
    use: <T>(work: (connection: Connection) => Promise<T>) => broker.use(target, work),
  });
  const epoch = async () => (await run('SELECT epoch FROM security_epoch'))[0]?.['epoch'] as string;

  return {
    tenant,
    target,
    owner,
    epoch,
    connect: () => connectOnce(target),
    repository: async (caller = {}) =>
      new ResourceRepository(tenant, {
        policy: systemPolicy('test'),
        epoch: await epoch(),
        agent: 'ClientApplication/test',
        author: 'ClientApplication/test',
        requestId: 'request-1',
        ...caller,
      }),
    untilBlocked: () =>
      until(async () => {
        const blocked = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
        return (await run(blocked)).length > 0;
      }),
    untilLater: (moment) =>
      until(async () => {
        const later = `SELECT 1 WHERE clock_timestamp() > $1::timestamptz + interval '1 ms'`;
        return (await owner.query(compiledSql({ text: later, values: [moment] }))).length > 0;
      }),
    rows: (text, ...values) => owner.query(compiledSql({ text, values })),
    close: async () => {
      await broker.close();
      await run(`DROP OWNED BY ${role}`);
      await run(`DROP ROLE ${role}`);
      await owner.close();
      await database.drop();
    },
  };
}

/** Asks until it is so; fails after half a minute. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('It has not come about in half a minute.');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** The text that a client would send. */
export const text = (resource: object | string): ResourceText =>
  readResource(typeof resource === 'string' ? resource : JSON.stringify(resource));

export const aPatient = (more: object = {}): ResourceText =>
  text({ resourceType: 'Patient', active: true, name: [{ family: 'Quay', given: ['Ana'] }], ...more });

export const parse = (body: string): JsonObject => JSON.parse(body) as JsonObject;
