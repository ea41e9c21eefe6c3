/**
 * Brings a checkout to the point where its programs can run: dependencies installed as the lock file says, sources
 * built. Each is done only when needed, which stamps with a hash of the inputs tell. Plain Node: nothing is installed
 * when this runs for the first time.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const parent = process.ppid;
const oldestNode = [20, 19];
const buildInputs = ['package.json', '.swcrc'];

/**
 * Installs and builds what is missing or out of date; ends the process with a message when that fails. What it says goes
 * to stderr: stdout belongs to the program that is prepared.
 */
export function prepare() {
  assertNodeVersion();
  // The programs find their files by their own place, and relative paths of the user by where npm was called.
  process.chdir(root);
  installIfNeeded();
  buildIfNeeded('build', ['apps', 'libs', 'migrations', 'bench']);
}

/** Brings it to the point where its tests can run. */
export function prepareTests() {
  prepare();
  buildIfNeeded('build:tests', ['test']);
}

/**
 * npm passes SIGTERM to the shell it started us in, and the shell ends without passing it on. So when npm has started us,
 * the end of our parent counts as a SIGTERM.
 */
export function stopWithNpm() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 500);
  watch.unref();
}

/** Runs a program with our own input and output, and gives its exit status. */
export function run(command, parameters, env = process.env, stdio = 'inherit') {
  const { status, error } = spawnSync(command, parameters, { cwd: root, stdio, env });
  if (error) console.error(`${command}: ${error.message}`);
  return status ?? 1;
}

/** Runs a program whose output is no result of ours. */
function runAside(command, parameters) {
  return run(command, parameters, process.env, ['inherit', process.stderr.fd, 'inherit']);
}

function assertNodeVersion() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return;
  fail(`Node ${oldestNode.join('.')} or newer is needed; this is ${process.versions.node}.`);
}

function installIfNeeded() {
  const stampFile = path.join(root, 'node_modules/.boxyard-install');
  if (readStamp(stampFile) === installStamp() || wasInstalledByHand(stampFile)) return;
  console.error('Installing dependencies (npm install) …');
  // Not npm ci: it refuses a lock file that does not list the optional packages of every other platform.
  if (runAside('npm', ['install', '--no-audit', '--no-fund']) !== 0) fail('npm install failed; see its message above.');
  writeStamp(stampFile, installStamp());
}

/** Binary packages fit one version of Node on one platform. */
function installStamp() {
  const lock = readFileSync(path.join(root, 'package-lock.json'));
  return hash(process.version, process.platform, process.arch, lock);
}

/** npm leaves a copy of the lock file in node_modules; if that is the newer one, somebody else ran npm install. */
function wasInstalledByHand(stampFile) {
  const copy = statSync(path.join(root, 'node_modules/.package-lock.json'), { throwIfNoEntry: false });
  const lock = statSync(path.join(root, 'package-lock.json'));
  return !existsSync(stampFile) && copy !== undefined && copy.mtimeMs >= lock.mtimeMs;
}

/** The script of package.json builds what is in the folders; what was built of sources that are gone is removed. */
function buildIfNeeded(script, folders) {
  const stampFile = path.join(root, 'dist', `.boxyard-${script.replace(':', '-')}`);
  const sources = folders.flatMap(listFiles);
  const stamp = hash(...buildInputs.map((file) => readFileSync(path.join(root, file))), ...sources.map(describeFile));
  if (readStamp(stampFile) === stamp) return;
  console.error('Building …');
  if (runAside('npm', ['run', '--silent', script]) !== 0) fail('The build failed; see its message above.');
  const built = new Set(sources.map((file) => path.join('dist', file.replace(/\.tsx?$/, '.js'))));
  for (const file of folders.flatMap((folder) => listFiles(path.join('dist', folder))))
    if (!built.has(file.replace(/\.map$/, ''))) rmSync(path.join(root, file), { force: true });
  writeStamp(stampFile, stamp);
}

function listFiles(folder) {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** Path, size and time: reading a few hundred entries is quick, reading the files would not be. */
function describeFile(file) {
  const { size, mtimeMs } = statSync(path.join(root, file));
  return `${file} ${size} ${mtimeMs}`;
}

function hash(...parts) {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part).update('\n');
  return digest.digest('hex');
}

function readStamp(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function writeStamp(file, stamp) {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, stamp);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
