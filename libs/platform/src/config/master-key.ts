import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigError, type Config } from './config.js';

/**
 * The key that wraps every stored secret: BOXYARD_MASTER_KEY, or in embedded mode (no DATABASE_URL) the one kept in
 * `<dataDir>/master.key`, made there at the first start and readable by its owner alone. With a database of one's own
 * the variable is required: a key invented by one of several replicas would lock the others out.
 */
export function loadMasterKey(config: Pick<Config, 'dataDir' | 'databaseUrl' | 'masterKey'>): Buffer {
  if (config.masterKey !== undefined) return config.masterKey;
  if (config.databaseUrl !== undefined) {
    throw new ConfigError(
      'BOXYARD_MASTER_KEY',
      'required when DATABASE_URL is set: 32 bytes in base64 (openssl rand -base64 32), the same for every process',
    );
  }
  const file = path.join(config.dataDir, 'master.key');
  return readKey(file) ?? createKey(file);
}

function readKey(file: string): Buffer | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== 32) {
    throw new Error(
      `${file} does not hold 32 bytes in base64. Put the key back from a backup: stored secrets need it.`,
    );
  }
  return key;
}

/** The key appears under its name complete and at most once, whatever else starts or dies at the same moment. */
function createKey(file: string): Buffer {
  mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}.draft`;
  try {
    writeFileSync(draft, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flush: true });
    chmodSync(draft, 0o600);
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  const key = readKey(file);
  if (key === undefined) throw new Error(`${file} disappeared while it was being made.`);
  return key;
}
