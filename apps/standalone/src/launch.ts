import { childEnvironment, loadMasterKey, localUrl, type Config, type Logger } from '#platform';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#postgres';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { banner, type BootstrapLogin } from './banner.js';
import { choosePorts, type Ports } from './ports.js';
import { Server, type ServerName } from './server.js';

/**
 * Runs the whole platform until `stopRequested` resolves, then stops it: the servers first, then the database they use.
 * Rejects, with everything stopped, when a part does not start or ends by itself.
 */
export async function launch(config: Config, log: Logger, stopRequested: Promise<void>): Promise<void> {
  const ports = await choosePorts(config);
  mkdirSync(config.dataDir, { recursive: true });
  const masterKey = loadMasterKey(config);
  const database =
    config.databaseUrl === undefined ? await startEmbeddedPostgres({ dataDir: config.dataDir, log }) : undefined;
  const servers: Server[] = [];
  try {
    const bootstrapFile = path.join(config.dataDir, 'bootstrap-admin.json');
    const isFirstStart = !existsSync(bootstrapFile);
    const env = serverEnvironment(config, ports, database, masterKey);
    const urls = {
      'control-plane': localUrl(config.host, ports.control),
      'data-plane': localUrl(config.host, ports.data),
      worker: localUrl(config.host, ports.worker),
    };
    const stopped = stopRequested.then(() => 'stop' as const);
    const start = (...names: ServerName[]) => {
      const started = names.map((name) => new Server(name, urls[name], env));
      servers.push(...started);
      const ready = Promise.all(started.map((server) => server.becomesReady()));
      return Promise.race([ready, stopped, firstFailure(servers, database)]);
    };
    if ((await start('control-plane', 'worker')) === 'stop') return;
    // A worker that is ready has written where the embedded PostgreSQL listens this time; before, projects are not reached.
    if ((await start('data-plane')) === 'stop') return;
    process.stdout.write(
      banner(
        {
          control: config.publicControlUrl ?? urls['control-plane'],
          data: config.publicDataUrl ?? urls['data-plane'],
          databaseDir: database === undefined ? undefined : config.dataDir,
        },
        isFirstStart && existsSync(bootstrapFile)
          ? { login: JSON.parse(readFileSync(bootstrapFile, 'utf8')) as BootstrapLogin, file: bootstrapFile }
          : undefined,
      ),
    );
    await Promise.race([stopped, firstFailure(servers, database)]);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    await database?.stop();
  }
}

/** Never resolves; rejects when a server or the database ends. */
async function firstFailure(servers: Server[], database: EmbeddedPostgres | undefined): Promise<never> {
  const ends = servers.map(async (server) => `${server.name} ended unexpectedly (${await server.exited})`);
  if (database !== undefined) ends.push(database.exited.then(() => 'the embedded PostgreSQL ended unexpectedly'));
  throw new Error(`${await Promise.race(ends)}; stopping everything.`);
}

function serverEnvironment(
  config: Config,
  ports: Ports,
  database: EmbeddedPostgres | undefined,
  masterKey: Buffer,
): NodeJS.ProcessEnv {
  return childEnvironment({
    BOXYARD_DATA_DIR: config.dataDir,
    DATABASE_URL: database?.url ?? config.databaseUrl,
    BOXYARD_MASTER_KEY: masterKey.toString('base64'),
    CONTROL_PORT: String(ports.control),
    DATA_PORT: String(ports.data),
    WORKER_PORT: String(ports.worker),
    LOG_FORMAT: config.logFormat,
    PATH_ROUTING: config.pathRouting ? 'on' : 'off',
  });
}
