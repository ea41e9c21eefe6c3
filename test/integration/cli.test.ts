/** The built command line against a real control plane, a real worker and real tenant databases. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FleetRepository } from '#control-database';
import { freePort } from '#testing';
import { type CliOptions, type CliResult, runCli } from './cli.fixture.js';
import { adminPassword, aControlPlane, type ControlPlane } from './control-plane.fixture.js';
import {
  baseVersion,
  migrationsWith,
  RolloutFleet,
  stepsWith,
  type SyntheticMigration,
} from './rollout-fleet.fixture.js';

const synthetic: SyntheticMigration[] = [
  { name: 'AddNote', statements: ['ALTER TABLE client_secret ADD note text'] },
  {
    name: 'RefuseBad',
    statements: ['SELECT 1', `ALTER TABLE client_secret ADD CONSTRAINT no_bad CHECK (client_id <> 'bad')`],
  },
];
const [first, second] = [baseVersion + 1, baseVersion + 2].map(String) as [string, string];
const quick = ['--health-window', '0s', '--smoke-projects', '0'];

let fleet: RolloutFleet;
let plane: ControlPlane;
let home: string;
let env: Record<string, string>;

const cli = (parameters: readonly string[], options: Partial<CliOptions> = {}): Promise<CliResult> =>
  runCli(parameters, { env, ...options });

/** What a command that succeeds prints. */
async function printed(...parameters: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(parameters);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

// A test says what it expects of an answer, so the compiler need not know.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
const answered = async (...parameters: string[]): Promise<any> => JSON.parse(await printed(...parameters, '--json'));

async function login(password: string, settings: Record<string, string> = env): Promise<CliResult> {
  const parameters = ['login', '--url', plane.url, '--email', 'admin@example.com', '--password-stdin'];
  return runCli(parameters, { env: settings, stdin: `${password}\n` });
}

const planned = async (...parameters: string[]): Promise<string> =>
  (await answered('rollout', 'create', ...quick, ...parameters)).id as string;

beforeAll(async () => {
  fleet = await RolloutFleet.open(3);
  await fleet.addProject('canary', { labels: { ring: 'canary' } });
  plane = await aControlPlane({ database: fleet.control, migrations: migrationsWith(synthetic) });
  home = await mkdtemp(path.join(tmpdir(), 'boxyard-cli-'));
  env = { HOME: home };
  expect(await login(adminPassword)).toMatchObject({ code: 0, stderr: '' });
}, 120_000);
afterAll(async () => {
  await plane?.stop();
  await fleet?.close();
  await rm(home, { recursive: true, force: true });
});

describe('logging in', () => {
  test('keeps the token in a file that nobody else can read, and the control plane as the one that is meant', async () => {
    const file = path.join(home, '.config/boxyard/credentials.json');
    expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600');
    const stored = JSON.parse(await readFile(file, 'utf8'));
    expect(stored).toMatchObject({ current: plane.url, logins: { [plane.url]: { email: 'admin@example.com' } } });
    expect(await readFile(file, 'utf8')).not.toContain(adminPassword);
    expect((await answered('fleet', 'versions')).newest).toBe(baseVersion + 2);
  });

  test('with a wrong password changes nothing and says why', async () => {
    const elsewhere = { HOME: home, XDG_CONFIG_HOME: path.join(home, 'other') };
    const { code, stdout, stderr } = await login('wrong', elsewhere);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^boxyard: .+ \(401 [a-z-]+\)\n {2}request: /);
    const refused = await runCli(['rollout', 'list', '--url', plane.url], { env: elsewhere });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('boxyard login --url') });
  });

  test('is not needed with an API key, whose rights count', async () => {
    const { body } = await plane.send('POST', '/api-keys', { body: { name: 'ci', role: 'auditor' } });
    const settings = {
      HOME: '/nowhere',
      BOXYARD_CONTROL_URL: `${plane.url}/control/v1/`,
      BOXYARD_API_KEY: body.secret,
    };
    expect(await runCli(['rollout', 'list'], { env: settings })).toMatchObject({ code: 0, stderr: '' });
    const refused = await runCli(['rollout', 'create'], { env: settings });
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('(403 role-insufficient)') });
  });
});

describe('errors', () => {
  test.each([
    [[]],
    [['rollout']],
    [['rollouts']],
    [['rollout', 'start']],
    [['rollout', 'skip', 'rol_x', 'p0']],
    [['rollout', 'plan', '--wave', 'everybody']],
    [['rollout', 'list', '--state', 'lost']],
    [['fleet', 'versions', '--all']],
    [['fleet', 'versions', '--url', 'control']],
    [['login', '--password-stdin']],
  ])('the command line %j is wrong: status 2, and nothing on stdout', async (parameters) => {
    const { code, stdout, stderr } = await cli(parameters);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/error:|Usage:|^boxyard: .+ must /);
  });

  test('of a request name every bad field', async () => {
    const { code, stdout, stderr } = await cli(['rollout', 'plan', '--wave', '0%', '--parallel', '65', '--json']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^boxyard: .+ \(400 validation\)\n {2}waves\.0\.percent must .+\n {2}parallel must be at most 64\n/,
    );
  });

  test('of a server that is not there or is none say so', async () => {
    const closed = await cli(['rollout', 'list', '--url', `http://127.0.0.1:${await freePort()}`], {
      env: { ...env, BOXYARD_API_KEY: 'k' },
    });
    expect(closed).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/http:\/\/127\.0\.0\.1:\d+ does not answer: .*ECONNREFUSED/),
    });
    const other = await cli(['rollout', 'list', '--url', `${plane.url}/elsewhere`], {
      env: { ...env, BOXYARD_API_KEY: 'k' },
    });
    expect(other).toMatchObject({ code: 1, stdout: '' });
    expect(await cli(['rollout', 'show', 'rol_x'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('404 rollout-not-found'),
    });
  });
});

test('a plan shows waves, SQL and locks, and writes nothing', async () => {
  const options = ['--target', second, '--wave', 'label=ring:canary', '--stop-at-failed', '2'];
  const text = await printed('rollout', 'plan', ...options);
  expect(text).toMatch(/^ +0 +label=ring:canary +1 +0 +0 +0 +canary$/m);
  expect(text).toMatch(/^ +1 +the rest +3 +0 +0 +0 +p[012], p[012], p[012]$/m);
  expect(text).toContain(
    ' 1  ALTER TABLE client_secret ADD note text\n      -- ACCESS EXCLUSIVE on client_secret; reads and writes wait',
  );
  const answer = await answered('rollout', 'plan', ...options);
  expect(answer).toMatchObject({ dryRun: true, plan: { abortOn: { failedProjects: 2 } }, counts: { pending: 4 } });
  expect(await printed('rollout', 'list')).toBe('There are no rollouts.\n');
});

describe('a rollout', () => {
  test('that succeeds is followed to its end: status 0', async () => {
    const id = await planned('--target', first, '--wave', 'label=ring:canary');
    await fleet.startWorker(await stepsWith(synthetic));
    const { code, stdout, stderr } = await cli(['rollout', 'start', id, '--watch']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`Z {2}${id} is running\\.\n`));
    expect(stdout).toMatch(/wave 1 \(the rest\) has passed: 3 done\n/);
    expect(stdout).toMatch(new RegExp(`\n${id} has succeeded: 4 done after .+\\.\n$`));
    const events = (await printed('rollout', 'watch', id, '--json')).trim().split('\n');
    expect(events.map((line) => JSON.parse(line).state)).toEqual(['succeeded']);
    const shown = await printed('rollout', 'show', id);
    expect(shown).toMatch(/^ +0 +label=ring:canary +passed +1 +0 +0 +0 +0$/m);
    expect(await printed('fleet', 'versions')).toMatch(new RegExp(`^ +${first} +4 +0 +AddNote$`, 'm'));
  }, 60_000);

  test('that fails is paused with status 3 and told exactly; after a fix, skip and retry complete it', async () => {
    const [p0, p1] = [fleet.project('p0'), fleet.project('p1')];
    for (const project of [p0, p1]) {
      await fleet.inTenant(project, `INSERT INTO client_secret (client_id, secret_hash) VALUES ('bad', '')`);
    }
    const id = await planned(
      '--target',
      second,
      '--wave',
      'label=ring:canary',
      '--parallel',
      '1',
      '--stop-at-failed',
      '2',
    );
    await printed('rollout', 'start', id);
    const { code, stdout } = await cli(['rollout', 'watch']);
    expect(code).toBe(3);
    expect(stdout).toContain(`boxyard rollout retry ${id}`);
    expect(stdout).toMatch(/failed: .*p[01].*: 23514 .*no_bad.*\(RefuseBad, statement 2\)/);
    const shown = await printed('rollout', 'show');
    expect(shown).toContain('is paused (budget-exceeded): ');
    expect(shown).toMatch(
      /2 projects: p[01], p[01]\n {4}23514: .*no_bad.*\n {4}at RefuseBad, statement 2, rolled back\n/,
    );
    expect(await printed('rollout', 'projects', id, '--state', 'failed')).toMatch(/^p0 +1 +failed +1 .* 23514: /m);
    expect((await answered('rollout', 'projects', id, '--wave', '0')).items).toMatchObject([
      { slug: 'canary', state: 'done' },
    ]);
    expect(await printed('rollout', 'skip', id, 'p1', '--reason', 'ticket 7')).toMatch(
      /^1 project changed\. rol_\w+ is paused/,
    );
    await fleet.inTenant(p0, `DELETE FROM client_secret WHERE client_id = 'bad'`);
    const retried = await cli(['rollout', 'retry', id, 'p0', '--watch']);
    expect({ code: retried.code, stderr: retried.stderr }).toEqual({ code: 0, stderr: '' });
    expect(retried.stdout).toMatch(/has succeeded: 3 done, 1 skipped after/);
    expect(await printed('rollout', 'projects', id, '--state', 'skipped')).toMatch(/^p1 .* ticket 7$/m);
  }, 60_000);

  test('is paused, resumed and aborted: status 3, then 4; Ctrl-C ends the watching alone', async () => {
    await fleet.stopWorkers();
    const id = await planned('--target', second);
    await printed('rollout', 'start', id);
    let isInterrupted = false;
    const interrupted = await cli(['rollout', 'watch', id], {
      onOutput: (stdout, kill) => {
        // A second one would end it at once, as it should.
        if (isInterrupted || !stdout.includes('is running')) return;
        isInterrupted = true;
        kill('SIGINT');
      },
    });
    expect(interrupted).toMatchObject({
      code: 130,
      stderr: 'boxyard: Nobody watches any more; the rollout goes on.\n',
    });
    expect(await printed('rollout', 'pause', id, '--reason', 'lunch')).toBe(`${id} is paused (requested): lunch\n`);
    expect(await printed('rollout', 'pause', id)).toBe(
      `${id} is paused (requested): lunch There was nothing to change.\n`,
    );
    expect((await cli(['rollout', 'watch', id])).code).toBe(3);
    expect(await printed('rollout', 'resume', id)).toBe(`${id} is running.\n`);
    let isAborted: Promise<string> | undefined;
    const aborted = await cli(['rollout', 'watch', id], {
      onOutput: (stdout) => {
        if (stdout.includes('is running')) isAborted ??= printed('rollout', 'abort', id, '--reason', 'wrong day');
      },
    });
    expect(aborted).toMatchObject({ code: 4, stdout: expect.stringContaining('is aborted (requested): wrong day') });
    expect(await isAborted).toContain('is aborted');
    expect(await cli(['rollout', 'show'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('No rollout runs'),
    });
  }, 60_000);

  test('is one of a list, which goes on over pages', async () => {
    const all = await answered('rollout', 'list');
    expect(all.items.length).toBeGreaterThan(2);
    const [newest] = all.items;
    expect(await answered('rollout', 'list', '--limit', '1')).toMatchObject({
      items: [{ id: newest.id }],
      next: newest.id,
    });
    expect(await printed('rollout', 'list', '--limit', '1')).toMatch(
      /^ID .*\nrol_\w+ +aborted .* wrong day\nThere are more/,
    );
    expect((await answered('rollout', 'list', '--state', 'aborted')).items).toHaveLength(1);
  });

  test('that is to verify looks into every database and says what it has found', async () => {
    await fleet.inTenant(fleet.project('p1'), `DELETE FROM client_secret WHERE client_id = 'bad'`);
    // Somebody's mistake: it has the first one.
    await fleet.dataSource.query(`UPDATE tenant_database SET schema_version = $1`, [second]);
    const options = ['--target', second, '--wave', '100%', '--verify'];
    const text = await printed('rollout', 'plan', ...options);
    expect(text).toMatch(/^verifies {3}databases that are thought to have the schema are looked into as well$/m);
    expect(text).toMatch(/^WAVE .* MIGRATES +LOOKS INTO +UP TO DATE .*\n +0 +100% +0 +4 +0 +0 +0 /m);
    const id = await planned(...options);
    await fleet.startWorker(await stepsWith(synthetic));
    const { code, stdout } = await cli(['rollout', 'start', id, '--watch']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ has succeeded: 4 done after .+; 4 databases looked into, 1 behind the target\.\n$/);
    expect(await printed('rollout', 'show', id)).toMatch(/^verified {3}4 databases looked into, 1 behind the target$/m);
    expect(await printed('rollout', 'projects', id)).toMatch(new RegExp(`^p1 +0 +done +1 +${first} +${second} `, 'm'));
    expect(await printed('fleet', 'versions')).toMatch(new RegExp(`^ +${second} +4 +0 +RefuseBad$`, 'm'));
    await fleet.stopWorkers();
  }, 60_000);
});

test('drift is looked for by a worker, which is waited for, and shown line by line', async () => {
  const checks = new FleetRepository(fleet.dataSource);
  expect(await printed('fleet', 'drift')).toContain('Nobody has looked yet');
  const refused = await cli(['fleet', 'drift', 'p0']);
  expect(refused).toMatchObject({ code: 2, stderr: 'boxyard: Projects can be named only with --check.\n' });
  const looking = cli(['fleet', 'drift', '--check', 'p0', 'p1']);
  // What a worker does that is asked to look.
  const due = await fleet.until('somebody asks for a look', async () => {
    const found = await checks.listDueChecks(10);
    return found.length === 2 ? found : undefined;
  });
  for (const check of due) {
    const differences = check.projectId === fleet.project('p0').id ? ['- index a\u001b[31m', '+ table by_hand'] : [];
    await checks.recordCheck(check, { schemaVersion: baseVersion, fingerprint: 'f'.repeat(64), differences });
  }
  const { code, stdout, stderr } = await looking;
  expect({ code, stderr }).toEqual({ code: 0, stderr: 'A worker looks into 2 databases …\n' });
  expect(stdout).toMatch(/: 1 as expected, 1 not, 0 could not be looked into, 0 to come\.\n\np0 \(schema \d+\)\n/);
  // What comes from databases does not reach the terminal as a command to it.
  expect(stdout).toContain('\n  - index a\ufffd[31m\n  + table by_hand\n');
});
