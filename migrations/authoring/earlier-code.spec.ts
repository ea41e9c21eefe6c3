import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { lastRelease, withCodeOf } from './earlier-code.js';
import { Refusal } from './refusal.js';

const before = process.cwd();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'boxyard-earlier-spec-'));
  process.chdir(folder);
  mkdirSync('node_modules');
  mkdirSync('migrations/tenant', { recursive: true });
  git('init', '--quiet');
});
afterEach(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});

const git = (...parameters: string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...parameters]);

function commit(code: string, schema: string): void {
  writeFileSync('code.ts', code);
  writeFileSync('migrations/tenant/index.ts', schema);
  git('add', '.');
  git('commit', '--quiet', '--message', code);
}

test('the code of the last release comes with the migrations of now', () => {
  commit('one', 'schema 1');
  expect(lastRelease()).toBeUndefined();
  git('tag', 'v1.0.0');
  commit('two', 'schema 2');
  writeFileSync('migrations/tenant/index.ts', 'schema 3');
  expect(lastRelease()).toBe('v1.0.0');
  let seen = '';
  withCodeOf('v1.0.0', (earlier) => {
    seen = earlier;
    expect(readFileSync(path.join(earlier, 'code.ts'), 'utf8')).toBe('one');
    expect(readFileSync(path.join(earlier, 'migrations/tenant/index.ts'), 'utf8')).toBe('schema 3');
    expect(existsSync(path.join(earlier, 'node_modules'))).toBe(true);
  });
  expect([seen.length > 0, existsSync(seen), existsSync('node_modules')]).toEqual([true, false, true]);
});

test('a release that git does not know is refused', () => {
  commit('one', 'schema 1');
  expect(() => withCodeOf('v9.9.9', () => undefined)).toThrow(Refusal);
});
