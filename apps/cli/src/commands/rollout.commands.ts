import { Argument, Option, type Command } from 'commander';
import type {
  ChangedRollout,
  ListedRollout,
  Page,
  PlannedRollout,
  Rollout,
  RolloutForecast,
  RolloutProject,
} from '../api/answers.js';
import type { ControlPlaneClient } from '../api/control-plane-client.js';
import { readList } from '../api/pages.js';
import { CommandError } from '../api/problem-error.js';
import { count } from '../output/words.js';
import { forecastLines, noteLines } from '../views/forecast.view.js';
import { projectTable, rolloutLines, rolloutTable } from '../views/rollout.view.js';
import { stateText } from '../views/rollout-words.js';
import { addPlanOptions, type PlanOptions, rolloutRequest, wholeNumber } from './plan-options.js';
import type { Invocation } from './invocation.js';
import { watch } from './watch.command.js';

const idArgument = '<rollout>';
const currentArgument = new Argument('[rollout]', 'without one: the rollout that runs or is paused');
const watchOption = ['--watch', 'then follow it, as `rollout watch` does'] as const;
const reasonOption = ['--reason <text>', 'shown to whoever asks why'] as const;

/** `boxyard rollout …`: the verbs of the control plane's routes below `/rollouts`, under the same names. */
export function addRolloutCommands(program: Command, invocation: Invocation): void {
  const rollout = program.command('rollout').description('bring the tenant databases of the fleet to a schema');

  addPlanOptions(
    rollout.command('plan').description('show what a rollout would do, its SQL and locks; write nothing'),
  ).action(async (options: PlanOptions) => {
    const client = await invocation.connect();
    const body = { ...rolloutRequest(options), dryRun: true };
    invocation.print(await client.post<RolloutForecast>('/rollouts', body), forecastLines);
  });
  addPlanOptions(rollout.command('create').description('plan a rollout; nothing is migrated before its start')).action(
    async (options: PlanOptions) => {
      const client = await invocation.connect();
      invocation.print(await client.post<PlannedRollout>('/rollouts', rolloutRequest(options)), (planned) => [
        `${planned.id} is planned, to schema ${planned.target}. Start it with \`boxyard rollout start ${planned.id}\`.`,
        ...noteLines(planned.notes),
      ]);
    },
  );
  addReading(rollout, invocation);
  addChanging(rollout, invocation);
}

function addReading(rollout: Command, invocation: Invocation): void {
  rollout
    .command('watch')
    .description('follow a rollout; ends with status 0 when it has succeeded, 3 when it is paused, 4 when aborted')
    .addArgument(currentArgument)
    .action(async (id: string | undefined) => {
      const client = await invocation.connect();
      await watch(client, id ?? (await currentRollout(client)), invocation);
    });
  rollout
    .command('show')
    .description('show a rollout: its waves, counts, pace and failures')
    .addArgument(currentArgument)
    .action(async (id: string | undefined) => {
      const client = await invocation.connect();
      const shown = await client.get<Rollout>(routeOf(id ?? (await currentRollout(client))));
      invocation.print(shown, rolloutLines);
    });
  rollout
    .command('list')
    .description('list rollouts, the newest first')
    .addOption(
      new Option('--state <state>', 'only those in it').choices([
        'planned',
        'running',
        'paused',
        'aborted',
        'succeeded',
      ]),
    )
    .option('--limit <n>', 'at most so many', wholeNumber, 50)
    .action(async ({ state, limit }: { state?: string; limit: number }) => {
      const client = await invocation.connect();
      const page = await readList<Page<ListedRollout>>(client, '/rollouts', { state }, limit);
      invocation.print(page, ({ items, next }) => withMore(rolloutTable(items), next));
    });
  rollout
    .command('projects')
    .description('list the projects of a rollout and what became of each')
    .argument(idArgument)
    .addOption(
      new Option('--state <state>', 'only those in it').choices(['pending', 'running', 'done', 'failed', 'skipped']),
    )
    .option('--wave <n>', 'only those of this wave, from 0', wholeNumber)
    .option('--limit <n>', 'at most so many', wholeNumber, 50)
    .action(async (id: string, { state, wave, limit }: { state?: string; wave?: number; limit: number }) => {
      const client = await invocation.connect();
      const page = await readList<Page<RolloutProject>>(client, `${routeOf(id)}/projects`, { state, wave }, limit);
      invocation.print(page, ({ items, next }) => withMore(projectTable(items), next));
    });
}

function addChanging(rollout: Command, invocation: Invocation): void {
  const change = async (id: string, verb: string, body: object, { watch: isWatched }: { watch?: true } = {}) => {
    const client = await invocation.connect();
    const changed = await client.post<ChangedRollout>(`${routeOf(id)}/${verb}`, body);
    // Who follows is shown the state soon enough, and a script reads one kind of answer.
    if (isWatched === true) await watch(client, id, invocation);
    else invocation.print(changed, changeLines);
  };
  rollout
    .command('start')
    .description('start a planned rollout; one at a time can run or be paused')
    .argument(idArgument)
    .option(...watchOption)
    .action((id: string, options: { watch?: true }) => change(id, 'start', {}, options));
  rollout
    .command('pause')
    .description('begin no further project; those that are being migrated are finished')
    .argument(idArgument)
    .option(...reasonOption)
    .action((id: string, { reason }: { reason?: string }) => change(id, 'pause', { reason }));
  rollout
    .command('resume')
    .description('go on with a paused rollout; a failed health check begins anew')
    .argument(idArgument)
    .option(...watchOption)
    .action((id: string, options: { watch?: true }) => change(id, 'resume', {}, options));
  rollout
    .command('abort')
    .description('end a rollout for good; what was migrated stays so')
    .argument(idArgument)
    .option(...reasonOption)
    .action((id: string, { reason }: { reason?: string }) => change(id, 'abort', { reason }));
  rollout
    .command('retry')
    .description('try failed projects again, all or those named')
    .argument(idArgument)
    .argument('[projects...]', 'ids or slugs')
    .option(...watchOption)
    .action((id: string, projects: string[], options: { watch?: true }) =>
      change(id, 'retry', projects.length === 0 ? {} : { projects }, options),
    );
  rollout
    .command('skip')
    .description('leave pending or failed projects, or their failed backfills, out, with a reason')
    .argument(idArgument)
    .argument('<projects...>', 'ids or slugs')
    .requiredOption('--reason <text>', 'shown beside each of them')
    .action((id: string, projects: string[], { reason }: { reason: string }) =>
      change(id, 'skip', { projects, reason }),
    );
}

function changeLines({ changed, projects, ...rollout }: ChangedRollout): string[] {
  const state = stateText(rollout);
  if (!changed) return [`${state} There was nothing to change.`];
  return [projects === undefined ? state : `${count(projects.length, 'project')} changed. ${state}`];
}

function withMore(lines: readonly string[], next: string | null): string[] {
  return [...lines, ...(next === null ? [] : ['There are more; ask for them with --limit.'])];
}

function routeOf(id: string): string {
  return `/rollouts/${encodeURIComponent(id)}`;
}

/** The id of the one rollout that runs or is paused. Throws a CommandError when there is none. */
async function currentRollout(client: ControlPlaneClient): Promise<string> {
  for (const state of ['running', 'paused']) {
    const { items } = await client.get<Page<ListedRollout>>('/rollouts', { state, limit: 1 });
    if (items[0] !== undefined) return items[0].id;
  }
  throw new CommandError('No rollout runs or is paused. Name one of `boxyard rollout list`.');
}
