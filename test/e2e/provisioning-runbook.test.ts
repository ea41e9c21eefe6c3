/** The commands of the runbook, run as they are written there, and what it says that they print. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { aDatabase, type CreatedProject, type RunningPlatform, startPlatform } from '#testing';

const runbook = 'docs/security/provisioning-memberships.md';
const missing = ['bash', 'curl', 'jq', 'openssl'].filter(
  (tool) => spawnSync(tool, [tool === 'openssl' ? 'version' : '--version'], { stdio: 'ignore' }).status !== 0,
);
const testWithTools = missing.length === 0 ? test : test.skip;

let platform: RunningPlatform;
let project: CreatedProject;
let work: string;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'boxyard-runbook-'));
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  project = await platform.createProject('runbook');
}, 120_000);

afterAll(async () => {
  await platform?.stop();
  await rm(work, { recursive: true, force: true });
});

/** The commands of the document, each with what it prints. */
async function commandsOf(path: string): Promise<{ command: string; printed: string }[]> {
  const text = await readFile(path, 'utf8');
  return [...text.matchAll(/```sh\n(.*?)```\n(?:\n```text\n(.*?)```\n)?/gs)].map(([, command = '', printed = '']) => ({
    command,
    printed,
  }));
}

testWithTools(
  missing.length === 0 ? 'the runbook works as it is written' : `skipped: no ${missing.join(', ')}`,
  async () => {
    const commands = await commandsOf(runbook);
    expect(commands.length).toBeGreaterThan(10);
    const end = '--- end of the block ---';
    // One shell runs all of them, so that each finds the variables and functions of those before.
    const script = commands.map(({ command }) => `${command}\necho '${end}'`).join('\n');
    const run = promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
      env: {
        ...process.env,
        BASE: project.baseUrl.replace(/\/$/, ''),
        CLIENT_ID: project.adminClient.clientId,
        CLIENT_SECRET: project.adminClient.clientSecret,
        WORK: work,
      },
    });
    const { stdout } = await run;
    const printed = stdout.split(`${end}\n`).slice(0, -1);
    expect(commands.map(({ command }, position) => ({ command, printed: printed[position] }))).toEqual(commands);
  },
  120_000,
);
