import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import type { FleetDrift, FleetVersions } from '../api/answers.js';
import type { ControlPlaneClient } from '../api/control-plane-client.js';
import { readList } from '../api/pages.js';
import { CommandError, InterruptedError, UsageError } from '../api/problem-error.js';
import { count } from '../output/words.js';
import { driftLines, versionLines } from '../views/fleet.view.js';
import type { Invocation } from './invocation.js';
import { wholeNumber } from './plan-options.js';

const pollMs = 500;
/** A worker looks into hundreds of databases meanwhile; one that has looked into none is not there. */
const patienceMs = 60_000;

interface DriftOptions {
  check?: true;
  limit: number;
}

/** `boxyard fleet …`: which schema the tenant databases have. */
export function addFleetCommands(program: Command, invocation: Invocation): void {
  const fleet = program.command('fleet').description('look at the schemas of all tenant databases');
  fleet
    .command('versions')
    .description('count the tenant databases by their schema')
    .action(async () => {
      const client = await invocation.connect();
      invocation.print(await client.get<FleetVersions>('/fleet/versions'), versionLines);
    });
  fleet
    .command('drift')
    .description('show the tenant databases whose schema is not what it should be')
    .argument('[projects...]', 'ids or slugs to look into with --check; every project without them')
    .option('--check', 'have a worker look into the databases first, and wait for it')
    .option('--limit <n>', 'show at most so many', wholeNumber, 50)
    .action(async (projects: string[], { check, limit }: DriftOptions) => {
      if (check !== true && projects.length > 0) throw new UsageError('Projects can be named only with --check.');
      const client = await invocation.connect();
      if (check === true) await checkDrift(client, projects, invocation);
      invocation.print(await readList<FleetDrift>(client, '/fleet/drift', {}, limit), driftLines);
    });
}

async function checkDrift(client: ControlPlaneClient, names: string[], { terminal }: Invocation): Promise<void> {
  const { stderr, interrupted } = terminal;
  const { projects } = await client.post<{ projects: number }>(
    '/fleet/drift',
    names.length === 0 ? {} : { projects: names },
  );
  stderr.write(`A worker looks into ${count(projects, 'database')} …\n`);
  let left = Infinity;
  let changedAt = performance.now();
  while (!interrupted.aborted) {
    const { pending } = (await client.get<FleetDrift>('/fleet/drift', { limit: 1 })).counts;
    if (pending === 0) return;
    if (pending !== left) changedAt = performance.now();
    left = pending;
    if (performance.now() - changedAt > patienceMs) {
      throw new CommandError(`No worker has looked into any database for a minute; ${pending} are left. Does one run?`);
    }
    await pause(pollMs, undefined, { signal: interrupted }).catch(() => undefined);
  }
  throw new InterruptedError('Interrupted; the check goes on, and `boxyard fleet drift` shows what it finds.');
}
