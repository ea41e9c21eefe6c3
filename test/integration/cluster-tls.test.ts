/** Connections to a cluster that speaks TLS, with certificates that the test makes. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ClusterRepository } from '#control-database';
import { createLogger, type Config } from '#platform';
import {
  connectOnce,
  type EmbeddedPostgres,
  identifier,
  sql,
  startEmbeddedPostgres,
  type TlsSettings,
} from '#postgres';
import { startDataPlane } from '../../apps/data-plane/src/start-data-plane.js';
import { startWorker } from '../../apps/worker/src/worker.js';
import { aControlPlane, masterKey, request, until } from './control-plane.fixture.js';

/** Makes the certificates; it is on nearly every machine, and the tests say so where it is not. */
const tool = 'openssl';
const hasOpenssl = spawnSync(tool, ['version'], { stdio: 'ignore' }).status === 0;

function openssl(directory: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(tool, args, { cwd: directory, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

/** An authority, and a server's certificate for these names, made by it. */
function makeCertificates(directory: string, names: string): { ca: string } {
  mkdirSync(directory, { recursive: true });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    directory,
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-days',
    '2',
    '-subj',
    '/CN=test CA',
  );
  const request = ['req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=server'];
  openssl(directory, ...request, '-addext', `subjectAltName=${names}`);
  const signed = ['x509', '-req', '-in', 'server.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'];
  openssl(directory, ...signed, '-out', 'server.crt', '-days', '2', '-copy_extensions', 'copyall');
  return { ca: readFileSync(path.join(directory, 'ca.crt'), 'utf8') };
}

(hasOpenssl ? describe : describe.skip)(`a cluster with TLS${hasOpenssl ? '' : ' (skipped: no openssl)'}`, () => {
  let dataDir: string;
  let server: EmbeddedPostgres;
  let ca: string;
  let strangersCa: string;
  /** What the tests open, to be closed in the opposite order, also when one fails. */
  const closers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    dataDir = mkdtempSync(path.join(tmpdir(), 'boxyard-tls-'));
    chmodSync(dataDir, 0o755);
    ({ ca } = makeCertificates(path.join(dataDir, 'certificates'), 'IP:127.0.0.1'));
    strangersCa = makeCertificates(path.join(dataDir, 'strangers'), 'IP:127.0.0.1').ca;
    // Two starts: the first makes the cluster, whose owner must own the key.
    const log = { info: () => undefined, warn: () => undefined };
    await (await startEmbeddedPostgres({ dataDir, log, settings: { fsync: 'off' } })).stop();
    const { uid, gid } = statSync(path.join(dataDir, 'postgres'));
    const [certificate, key] = ['server.crt', 'server.key'].map((file) => path.join(dataDir, 'certificates', file));
    chownSync(key!, uid, gid);
    chmodSync(key!, 0o600);
    const settings = { fsync: 'off', ssl: 'on', ssl_cert_file: certificate!, ssl_key_file: key! };
    server = await startEmbeddedPostgres({ dataDir, log, settings });
  }, 60_000);

  afterAll(async () => {
    for (const close of closers.reverse()) await close();
    await server?.stop();
    if (dataDir !== undefined) rmSync(dataDir, { recursive: true, force: true });
  });

  /** The superuser's URL of the only project's database. */
  async function tenantUrl(): Promise<string> {
    const control = await connectOnce(server.url);
    const [row] = await control.query<{ name: string }>(
      sql`SELECT database_name AS name FROM tenant_database WHERE project_id IS NOT NULL`,
    );
    await control.close();
    const url = new URL(server.url);
    url.pathname = `/${row!.name}`;
    return url.href;
  }

  /** Lets everybody who reads the table wait. */
  async function holdTable(url: string, table: string) {
    const [holder, watcher] = [await connectOnce(url), await connectOnce(url)];
    closers.push(
      () => holder.close(),
      () => watcher.close(),
    );
    await holder.query(sql`BEGIN`);
    await holder.query(sql`LOCK TABLE ${identifier(table)}`);
    return {
      isWaitedFor: async () => {
        const waiting = await watcher.query(sql`
          SELECT FROM pg_locks WHERE NOT granted AND relation = ${table}::regclass AND database =
            (SELECT oid FROM pg_database WHERE datname = current_database())`);
        return waiting.length > 0;
      },
      release: () => holder.query(sql`COMMIT`),
    };
  }

  /** Whether the connection is encrypted, as the server sees it; or why there is none. */
  async function encryption(tls: TlsSettings | undefined, host?: string): Promise<boolean | string> {
    const url = new URL(server.url);
    const login = { user: url.username, password: url.password, database: 'boxyard' };
    try {
      const connection = await connectOnce({
        ...{ host: host ?? url.hostname, port: Number(url.port), ...login },
        ...(tls === undefined ? {} : { tls }),
      });
      const [row] = await connection.query<{ ssl: boolean }>(
        sql`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`,
      );
      await connection.close();
      return row!.ssl;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error);
    }
  }

  test('is spoken to in the clear unless the target says otherwise', async () => {
    expect(await encryption(undefined)).toBe(false);
  });

  test('require encrypts and does not ask who the server is', async () => {
    expect(await encryption({ mode: 'require' })).toBe(true);
  });

  test('verify-full accepts the server whose certificate goes back to the given authority, for its own name only', async () => {
    expect(await encryption({ mode: 'verify-full', ca })).toBe(true);
    expect(await encryption({ mode: 'verify-full', ca }, 'localhost')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await encryption({ mode: 'verify-full', ca: strangersCa })).toMatch(/CERT|SIGNATURE|VERIFY/);
    expect(await encryption({ mode: 'verify-full' })).toMatch(/CERT|SIGNATURE|VERIFY/);
  });

  test('DATABASE_URL says how to reach the first cluster, and worker and data plane speak TLS to every tenant database', async () => {
    const url = new URL(server.url);
    url.searchParams.set('sslmode', 'verify-full');
    url.searchParams.set('sslrootcert', path.join(dataDir, 'certificates/ca.crt'));
    const control = await aControlPlane({ database: { url: url.href, drop: async () => undefined } });
    closers.push(() => control.stop());
    // The cluster was registered when DATABASE_URL did not speak of TLS yet, and an operator has set a limit since.
    await new ClusterRepository(control.dataSource).ensure({
      ...{ name: 'default', host: url.hostname, port: Number(url.port), sslMode: 'disable' },
      ...{ maxProjects: 10, maxConnections: 100, reservedConnections: 7 },
    });
    const config: Config = {
      dataDir: control.dataDir,
      databaseUrl: url.href,
      host: '127.0.0.1',
      controlPort: 0,
      dataPort: 0,
      workerPort: 0,
      baseDomain: 'localhost',
      trustProxy: false,
      masterKey,
      adminEmail: 'admin@example.com',
      logLevel: 'silent',
      logFormat: 'json',
      pathRouting: true,
    };
    const logger = createLogger(config, 'test');
    const worker = await startWorker(config, logger, { sparesPerCluster: 1 });
    let stopped: Promise<void> | undefined;
    const stopWorker = () => (stopped ??= worker.close());
    closers.push(stopWorker);
    const plane = await startDataPlane(config, logger);
    closers.push(() => plane.close());
    const created = await control.send('POST', '/projects', {
      body: { slug: 'quay', name: 'Quay', fhirVersion: 'R4' },
      headers: { prefer: 'wait=60' },
    });
    expect(created.status).toBe(201);
    const { clientId, clientSecret } = created.body.adminClient as { clientId: string; clientSecret: string };
    const authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
    const read = () => request(`${plane.url}/p/quay/fhir/R4/Patient`, 'GET', undefined, { authorization });
    expect((await read()).status).toBe(200);

    const clusters = await new ClusterRepository(control.dataSource).list();
    expect(clusters).toMatchObject([{ sslMode: 'verify-full', sslCa: ca, reservedConnections: 7 }]);
    const sessions = await control.dataSource.query<{ usename: string; ssl: boolean }[]>(
      // One that has not said yet who it is may still be about to encrypt.
      `SELECT a.usename, s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
       WHERE a.backend_type = 'client backend' AND a.usename IS NOT NULL`,
    );
    expect(sessions.some(({ usename }) => usename.startsWith('fp_'))).toBe(true);
    expect(sessions.filter(({ ssl }) => !ssl)).toEqual([]);

    // A worker would put back what DATABASE_URL says.
    await stopWorker();
    const held = await holdTable(await tenantUrl(), 'resource');
    const gets = ['Patient', 'Practitioner'].map((url) => ({ request: { method: 'GET', url } }));
    const batch = request(
      `${plane.url}/p/quay/fhir/R4`,
      'POST',
      { resourceType: 'Bundle', type: 'batch', entry: gets },
      { authorization },
    );
    await until(held.isWaitedFor);

    // From here on the data plane believes in another authority: it closes what it has and trusts the server no more.
    await control.dataSource.query('UPDATE cluster SET ssl_ca = $1', [strangersCa]);
    await until(async () => (await read()).status === 503);
    // What was under way goes on with the connections that it began with, and leaves none to others.
    await held.release();
    expect((await batch).status).toBe(200);
    expect((await read()).status).toBe(503);
    await control.dataSource.query('UPDATE cluster SET ssl_ca = $1', [ca]);
  }, 120_000);
});
