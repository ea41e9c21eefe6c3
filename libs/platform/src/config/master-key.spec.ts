import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ConfigError } from './config.js';
import { loadMasterKey } from './master-key.js';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), 'boxyard-key-'));
});

afterEach(() => rmSync(dataDir, { recursive: true }));

describe('loadMasterKey', () => {
  test('the configured key is used and nothing is written', () => {
    const masterKey = Buffer.alloc(32, 1);
    expect(loadMasterKey({ dataDir, masterKey })).toBe(masterKey);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test('in embedded mode a key is made once, for its owner alone', () => {
    const first = loadMasterKey({ dataDir: path.join(dataDir, 'new') });
    expect(first).toHaveLength(32);
    expect(loadMasterKey({ dataDir: path.join(dataDir, 'new') })).toEqual(first);
    expect(readdirSync(path.join(dataDir, 'new'))).toEqual(['master.key']);
    expect(statSync(path.join(dataDir, 'new/master.key')).mode & 0o777).toBe(0o600);
  });

  test('two data directories have two keys', () => {
    expect(loadMasterKey({ dataDir: path.join(dataDir, 'a') })).not.toEqual(
      loadMasterKey({ dataDir: path.join(dataDir, 'b') }),
    );
  });

  test('a damaged key file is refused, not replaced', () => {
    writeFileSync(path.join(dataDir, 'master.key'), 'short');
    expect(() => loadMasterKey({ dataDir })).toThrow(/master\.key does not hold 32 bytes/);
  });

  test('with a database of one’s own the variable is required', () => {
    expect(() => loadMasterKey({ dataDir, databaseUrl: 'postgres://db/x' })).toThrow(ConfigError);
    expect(() => loadMasterKey({ dataDir, databaseUrl: 'postgres://db/x' })).toThrow(/^BOXYARD_MASTER_KEY: required/);
  });
});
