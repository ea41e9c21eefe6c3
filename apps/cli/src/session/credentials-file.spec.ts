import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { credentialsPath, readLogins, storeLogin } from './credentials-file.js';

const login = (accessToken: string) => ({
  email: 'ana@example.org',
  accessToken,
  expiresAt: '2026-11-21T10:00:00.000Z',
});

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'boxyard-cli-'));
  file = path.join(directory, 'boxyard', 'credentials.json');
});
afterEach(() => rm(directory, { recursive: true }));

describe('stored logins', () => {
  test.each([
    [{ XDG_CONFIG_HOME: '/etc/ana' }, '/etc/ana/boxyard/credentials.json'],
    [{ HOME: '/home/ana' }, '/home/ana/.config/boxyard/credentials.json'],
    [{ HOME: '/home/ana', XDG_CONFIG_HOME: 'config' }, '/home/ana/.config/boxyard/credentials.json'],
    [{}, path.join(homedir(), '.config/boxyard/credentials.json')],
  ])('with %j are in %s', (env, expected) => {
    expect(credentialsPath(env)).toBe(expected);
  });

  test('are none before the first one', async () => {
    expect(await readLogins(file)).toEqual({ logins: {} });
  });

  test('are kept per control plane, and the last one is the current one', async () => {
    await storeLogin(file, 'http://one', login('1'));
    await storeLogin(file, 'http://two', login('2'));
    await storeLogin(file, 'http://one', login('3'));
    expect(await readLogins(file)).toEqual({
      current: 'http://one',
      logins: { 'http://one': login('3'), 'http://two': login('2') },
    });
  });

  test("can be read by their owner alone, also when the file's mode was another", async () => {
    const modeOf = async (name: string) => ((await stat(name)).mode & 0o777).toString(8);
    await storeLogin(file, 'http://one', login('1'));
    expect([await modeOf(file), await modeOf(path.dirname(file))]).toEqual(['600', '700']);
    await chmod(file, 0o644);
    await storeLogin(file, 'http://one', login('2'));
    expect(await modeOf(file)).toBe('600');
    expect(await readdir(path.dirname(file))).toEqual(['credentials.json']);
  });

  test('of a damaged file are refused without a word of what stands in it', async () => {
    await storeLogin(file, 'http://one', login('1'));
    for (const text of ['{"logins": secret', 'null', '[]']) {
      await writeFile(file, text);
      await expect(readLogins(file)).rejects.toThrow(`${file} is damaged; delete it and log in again.`);
    }
  });
});
