import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connectOnce, identifier, type OwnedConnection, sql, startEmbeddedPostgres } from '#postgres';

export interface ScratchServer {
  /** An empty database, and a connection to it as its owner, which ends with the server. */
  database(): Promise<OwnedConnection>;
}

/** Runs `work` with a PostgreSQL of its own in a temporary folder, of which nothing stays. */
export async function withScratchServer<T>(work: (server: ScratchServer) => Promise<T>): Promise<T> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'boxyard-migrations-'));
  // PostgreSQL does not run as root, and the user that it runs as must be able to reach its files.
  chmodSync(dataDir, 0o755);
  try {
    const server = await startEmbeddedPostgres({
      dataDir,
      log: { info: () => undefined, warn: (message) => void process.stderr.write(`${JSON.stringify(message)}\n`) },
      settings: { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' },
    });
    const open: OwnedConnection[] = [];
    try {
      return await work({
        database: async () => {
          const connection = await newDatabase(server.url);
          open.push(connection);
          return connection;
        },
      });
    } finally {
      await Promise.all(open.map((connection) => connection.close()));
      await server.stop();
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function newDatabase(serverUrl: string): Promise<OwnedConnection> {
  const name = `scratch_${randomBytes(8).toString('hex')}`;
  const administrator = await connectOnce(serverUrl);
  try {
    await administrator.query(sql`CREATE DATABASE ${identifier(name)} TEMPLATE template0`);
  } finally {
    await administrator.close();
  }
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return connectOnce(url.href);
}
