import { mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { connectOnce } from '../connect-once.js';
import { identifier, sql } from '../sql.js';
import { locateBinaries } from './binaries.js';
import { choosePlace, ensureCluster, superuser } from './cluster.js';
import { lockDataDir } from './instance-lock.js';
import type { EmbeddedLog } from './embedded-log.js';
import { clearPreviousServer } from './previous-server.js';
import { startServer, type ServerProcess } from './server-process.js';
import { embeddedSettings, type ServerSettings } from './settings.js';

export interface EmbeddedPostgresOptions {
  /** Folder for the cluster (`postgres`), its superuser's password and its log. Made if missing. */
  dataDir: string;
  log: EmbeddedLog;
  /** Unset: any free port, chosen anew at every start. */
  port?: number;
  /** Settings to add to, or put in place of, the embedded server's own. */
  settings?: ServerSettings;
}

export interface EmbeddedPostgres {
  /** The superuser's connection URL of the database `boxyard`. Holds a password: not for logs. */
  url: string;
  /** Resolves when the server has ended, by `stop` or by itself. */
  exited: Promise<void>;
  /** Stops the server cleanly. Idempotent. */
  stop(): Promise<void>;
}

const database = 'boxyard';

/**
 * Starts PostgreSQL from the npm binaries on the loopback address, and creates its cluster the first time. Works as
 * root (the server then runs as `nobody`) and as an ordinary user, and after any kind of crash. Throws when another
 * process keeps a server on the same data directory, when its files are another major version's, or when it does not
 * start; the message says what to do.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o755 });
  const dataDir = realpathSync(options.dataDir);
  const unlock = lockDataDir(dataDir);
  let server: ServerProcess | undefined;
  try {
    const place = choosePlace(dataDir, options.log);
    const binaries = locateBinaries(place.user, options.log);
    const settings = { ...embeddedSettings, ...options.settings };
    const { password } = ensureCluster(dataDir, place, binaries, {
      sync: settings['fsync'] !== 'off',
      log: options.log,
    });
    await clearPreviousServer(place.clusterDir, options.log);
    const logFile = path.join(dataDir, 'postgres.log');
    const running = await startServer({ place, binaries, settings, logFile, port: options.port, log: options.log });
    server = running;
    const url = (name: string) => `postgres://${superuser}:${password}@127.0.0.1:${running.port}/${name}`;
    await ensureOwnDatabase(url('postgres'));
    const exited = running.exited.then(unlock);
    return {
      url: url(database),
      exited,
      stop: async () => {
        await running.stop();
        await exited;
      },
    };
  } catch (error) {
    await server?.stop();
    unlock();
    throw error;
  }
}

async function ensureOwnDatabase(maintenanceUrl: string): Promise<void> {
  const connection = await connectOnce(maintenanceUrl);
  try {
    const found = await connection.query(sql`SELECT 1 AS found FROM pg_database WHERE datname = ${database}`);
    if (found.length === 0) await connection.query(sql`CREATE DATABASE ${identifier(database)}`);
  } finally {
    await connection.close();
  }
}
