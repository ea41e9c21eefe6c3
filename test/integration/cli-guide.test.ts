/** The commands of docs/cli.md, run as they are written there, and what it says that they print. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FleetRepository } from '#control-database';
import { runBlock } from './cli.fixture.js';
import { adminPassword, aControlPlane, type ControlPlane } from './control-plane.fixture.js';
import {
  baseVersion,
  migrationsWith,
  RolloutFleet,
  stepsWith,
  type SyntheticMigration,
} from './rollout-fleet.fixture.js';

const synthetic: SyntheticMigration[] = [
  { name: 'AddClientNote', statements: ['ALTER TABLE client_secret ADD note text'] },
  {
    name: 'CheckClientId',
    statements: [
      'ALTER TABLE client_secret ADD CONSTRAINT client_id_form\n  CHECK (length(client_id) > 3) NOT VALID',
      'ALTER TABLE client_secret VALIDATE CONSTRAINT client_id_form',
    ],
  },
];
const writtenId = 'rol_01m7y6gksvqh7cs3hjj1j2ssts';
/** Asks for a password on a terminal, which a test has not got. */
const interactive = 'npx boxyard login --email admin@example.com\n';

let fleet: RolloutFleet;
let plane: ControlPlane;
let home: string;

beforeAll(async () => {
  fleet = await RolloutFleet.open(0);
  await fleet.addProject('quay-clinic', { labels: { ring: 'canary' } });
  await fleet.addProject('pier-clinic');
  const broken = await fleet.addProject('mole-clinic');
  await fleet.inTenant(broken, `INSERT INTO client_secret (client_id, secret_hash) VALUES ('abc', '')`);
  plane = await aControlPlane({ database: fleet.control, migrations: migrationsWith(synthetic) });
  await fleet.startWorker(await stepsWith(synthetic));
  home = await mkdtemp(path.join(tmpdir(), 'boxyard-guide-'));
  await mkdir(path.join(home, '.boxyard'));
  const operator = { email: 'admin@example.com', password: adminPassword };
  await writeFile(path.join(home, '.boxyard/bootstrap-admin.json'), JSON.stringify(operator));
}, 120_000);
afterAll(async () => {
  await plane?.stop();
  await fleet?.close();
  await rm(home, { recursive: true, force: true });
});

/** The page's blocks of commands, each with what it prints. */
async function blocks(): Promise<{ script: string; printed: string }[]> {
  const text = await readFile('docs/cli.md', 'utf8');
  return [...text.matchAll(/```sh\n(.*?)```\n(?:\n```text\n(.*?)```\n)?/gs)].map(([, script = '', printed = '']) => ({
    script,
    printed,
  }));
}

/**
 * What the page prints, in this run's words: its schemas are 42 and the two after it. What differs from run to run is
 * left out: moments, spans, the lines that tell how a rollout got on, and how wide a column has become.
 */
function comparable(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => !/^\d{4}-\d\d-\d\d /.test(line) && line !== '' && !/^(pace|ends at|waiting) /.test(line))
    .map((line) =>
      line
        .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/g, '<moment>')
        .replace(/\b\d+ (ms|s|min)( \d+ \w+)?\b/g, '<span>')
        .replace(/operator:[0-9a-f-]{36}/g, 'operator:<id>')
        .replace(/the longest <span> \([a-z-]+\)/, 'the longest <span>')
        .replace(/ {2,}/g, '  ')
        .trim(),
    );
}

/** Does what a worker does that is asked to look into databases: there, none has drifted. */
async function lookIntoDatabases(): Promise<void> {
  const checks = new FleetRepository(fleet.dataSource);
  const due = await fleet.until('somebody asks for a look', async () => {
    const found = await checks.listDueChecks(10);
    return found.length === 0 ? undefined : found;
  });
  for (const check of due) {
    await checks.recordCheck(check, { schemaVersion: baseVersion + 2, fingerprint: 'f'.repeat(64), differences: [] });
  }
}

test('the page works as it is written', async () => {
  const env = { HOME: home, BOXYARD_CONTROL_URL: plane.url };
  const all = (await blocks()).filter(({ script }) => script !== interactive);
  let id = writtenId;
  for (const { script, printed } of all) {
    const looks = script.includes('--check') ? lookIntoDatabases() : undefined;
    const { code, stdout, stderr } = await runBlock(`cd "$HOME"\nset -e\n${script.replaceAll(writtenId, id)}`, { env });
    await looks;
    id = /rol_[0-9a-z]{26}/.exec(stdout)?.[0] ?? id;
    const told = stdout.replaceAll(id, writtenId).replaceAll(plane.url, 'http://localhost:4000');
    expect({ script, code, lines: comparable(told) }).toEqual({
      script,
      code: 0,
      lines: comparable(inThisRun(printed)),
    });
    if (!script.includes('--check')) expect(stderr).toBe('');
  }
}, 120_000);

function inThisRun(text: string): string {
  return text.replace(/\b4[234]\b/g, (schema) => String(baseVersion + Number(schema) - 42));
}
