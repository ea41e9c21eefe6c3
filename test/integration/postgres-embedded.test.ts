import { connectOnce, sql, startEmbeddedPostgres, type EmbeddedPostgres } from '#postgres';
import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const isRoot = process.getuid?.() === 0;
const fast = { fsync: 'off' };

let home: string;
let dataDir: string;
let messages: string[];
let running: EmbeddedPostgres | undefined;

const log = {
  info: (...parts: unknown[]) => void messages.push(String(parts.at(-1))),
  warn: (...parts: unknown[]) => void messages.push(String(parts.at(-1))),
};

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'boxyard embedded '));
  chmodSync(home, 0o755);
  dataDir = path.join(home, 'data dir');
  messages = [];
});

afterEach(async () => {
  await running?.stop();
  running = undefined;
  rmSync(home, { recursive: true, force: true });
});

async function start(): Promise<EmbeddedPostgres> {
  running = await startEmbeddedPostgres({ dataDir, log, settings: fast });
  return running;
}

async function ask(url: string, statement: ReturnType<typeof sql>): Promise<unknown[]> {
  const connection = await connectOnce(url);
  try {
    return await connection.query(statement);
  } finally {
    await connection.close();
  }
}

const createTable = sql`CREATE TABLE kept AS SELECT 42 AS answer`;
const readTable = sql`SELECT answer FROM kept`;
const kept = [{ answer: 42 }];

describe('a start', () => {
  test('makes a cluster in a path with spaces, and a second start finds everything as it was left', async () => {
    await ask((await start()).url, createTable);
    await running?.stop();
    expect(messages).toEqual(['creating the embedded PostgreSQL']);
    expect(await ask((await start()).url, readTable)).toEqual(kept);
    expect(messages).toHaveLength(1);
  });

  test('keeps secrets from other users and listens on the loopback address only, with passwords', async () => {
    const { url } = await start();
    for (const file of ['postgres-password', 'postgres.log']) {
      expect([file, statSync(path.join(dataDir, file)).mode & 0o777]).toEqual([file, 0o600]);
    }
    expect(statSync(path.join(dataDir, 'postgres')).mode & 0o777).toBe(0o700);
    const settings = sql`SELECT current_setting('listen_addresses') AS addresses,
      current_setting('unix_socket_directories') AS sockets, (SELECT datlocale FROM pg_database WHERE datname = 'boxyard') AS locale`;
    expect(await ask(url, settings)).toEqual([{ addresses: '127.0.0.1', sockets: '', locale: 'C.UTF-8' }]);
    const methods = sql`SELECT DISTINCT auth_method FROM pg_hba_file_rules`;
    expect(await ask(url, methods)).toEqual([{ auth_method: 'scram-sha-256' }]);
    const wrong = new URL(url);
    wrong.password = 'wrong';
    await expect(ask(wrong.href, readTable)).rejects.toMatchObject({ code: '28P01' });
  });

  test('gives the server nothing of our environment', async () => {
    await start();
    const pid = postmasterPid();
    const environment = existsSync(`/proc/${pid}/environ`) ? readFileSync(`/proc/${pid}/environ`, 'utf8') : '';
    expect(environment).not.toContain('BOXYARD');
  });

  test('is refused while another process keeps a server on the same data directory', async () => {
    await start();
    await expect(startEmbeddedPostgres({ dataDir, log, settings: fast })).rejects.toThrow(
      /^Process \d+ is already running with the data directory .*BOXYARD_DATA_DIR/,
    );
  });

  test('is refused on the files of another major version', async () => {
    await (await start()).stop();
    const versionFile = path.join(dataDir, 'postgres/PG_VERSION');
    writeFileSync(versionFile, '99\n');
    await expect(start()).rejects.toThrow(/made by PostgreSQL 99, and this release brings 18.*newer release/);
    writeFileSync(versionFile, '17\n');
    await expect(start()).rejects.toThrow(/made by PostgreSQL 17, and this release brings 18, which cannot read it/);
  });

  test('is refused on a folder that holds something else', async () => {
    mkdirSync(path.join(dataDir, 'postgres'), { recursive: true });
    writeFileSync(path.join(dataDir, 'postgres/photo.jpg'), '');
    await expect(start()).rejects.toThrow(/is not empty and is no PostgreSQL cluster/);
  });

  test('clears away what an interrupted first start left', async () => {
    mkdirSync(path.join(dataDir, 'postgres.draft-0badcafe/base'), { recursive: true });
    writeFileSync(path.join(dataDir, 'postgres.draft-0badcafe.password'), 'x');
    await start();
    expect(readdirSync(dataDir).filter((name) => name.includes('draft'))).toEqual([]);
  });

  test('on a port that is taken is an error that shows the server’s reason', async () => {
    const { port } = new URL((await start()).url);
    const other = startEmbeddedPostgres({ dataDir: path.join(home, 'other'), log, settings: fast, port: Number(port) });
    await expect(other).rejects.toThrow(/did not start[^]*Address already in use/);
  });

  test('tells when the server ends by itself', async () => {
    const { exited } = await start();
    process.kill(postmasterPid(), 'SIGKILL');
    await exited;
    expect(await startsAgain()).toBe(true);
  });
});

describe('after a kill', () => {
  test('of the launching process alone, its server stops too, and the next start has the data', async () => {
    const launcher = await launchApart();
    const server = postmasterPid();
    await kill(launcher.process);
    await gone(server);
    expect(await ask((await start()).url, readTable)).toEqual(kept);
  });

  test('of the launching process and its guard, the next start stops the orphaned server first', async () => {
    const launcher = await launchApart();
    const server = postmasterPid();
    for (const child of childrenOf(launcher.pid)) if (child !== server) end(child);
    await kill(launcher.process);
    expect(isAlive(server)).toBe(true);
    expect(await ask((await start()).url, readTable)).toEqual(kept);
    expect(isAlive(server)).toBe(false);
    expect(messages).toContain('stopping the PostgreSQL that an earlier, killed process left running');
  });

  test('of everything, a pid file that now names a stranger does not stop the next start', async () => {
    const launcher = await launchApart();
    const server = postmasterPid();
    const backends = childrenOf(server);
    for (const pid of [...childrenOf(launcher.pid), ...backends]) end(pid);
    await kill(launcher.process);
    for (const pid of [server, ...backends]) await gone(pid);
    const pidFile = path.join(dataDir, 'postgres/postmaster.pid');
    const stranger = spawn('sleep', ['60']);
    writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(stranger.pid)));
    expect(await ask((await start()).url, readTable)).toEqual(kept);
    expect(stranger.exitCode).toBeNull();
    await kill(stranger);
  });
});

(isRoot ? describe : describe.skip)('as root', () => {
  test('the server runs as another user', async () => {
    const { url } = await start();
    expect(statSync(`/proc/${postmasterPid()}`).uid).not.toBe(0);
    expect(await ask(url, sql`SELECT 1 AS one`)).toEqual([{ one: 1 }]);
  });

  test('a data directory that this user cannot reach gets its cluster elsewhere, said once, and found again', async () => {
    chmodSync(home, 0o700);
    const { url } = await start();
    expect(existsSync(path.join(dataDir, 'postgres'))).toBe(false);
    expect(messages.join()).toContain('the database files are kept outside');
    const [row] = (await ask(url, sql`SHOW data_directory`)) as { data_directory: string }[];
    await ask(url, createTable);
    await running?.stop();
    // It stays there even when the data directory can be reached later.
    chmodSync(home, 0o755);
    expect(await ask((await start()).url, readTable)).toEqual(kept);
    await running?.stop();
    rmSync(path.dirname(row?.data_directory ?? home), { recursive: true });
  });
});

/** A process that starts the server, makes the table, and waits to be killed. */
async function launchApart(): Promise<{ process: ChildProcess; pid: number }> {
  const lib = pathToFileURL(path.resolve('dist/libs/postgres/src/index.js')).href;
  const program = `
    import { connectOnce, sql, startEmbeddedPostgres } from ${JSON.stringify(lib)};
    const log = { info: () => {}, warn: () => {} };
    const { url } = await startEmbeddedPostgres({ dataDir: process.argv[1], log, settings: { fsync: 'off' } });
    const connection = await connectOnce(url);
    await connection.query(sql\`CREATE TABLE kept AS SELECT 42 AS answer\`);
    console.log('ready');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', (status) => reject(new Error(`The launching process ended with status ${status}.`)));
  });
  return { process: child, pid: child.pid ?? 0 };
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}

async function startsAgain(): Promise<boolean> {
  await running?.stop();
  return (await ask((await start()).url, sql`SELECT 1`)).length === 1;
}

function postmasterPid(): number {
  return Number.parseInt(readFileSync(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8'), 10);
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && statFields(Number(entry))[1] === String(pid))
    .map(Number);
}

/** Alive, and not merely waiting for its parent to notice its end. */
function isAlive(pid: number): boolean {
  return !['Z', 'X', undefined].includes(statFields(pid)[0]);
}

/** State, parent and further fields of /proc/<pid>/stat. */
function statFields(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** Kills it, unless it has ended by itself meanwhile. */
function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}
