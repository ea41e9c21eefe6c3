import type { ControlPlaneClient } from '../api/control-plane-client.js';
import { printLines } from '../output/print.js';
import { barProgress, jsonProgress, lineProgress } from '../watch/progress-view.js';
import { endLines } from '../watch/rollout-progress.js';
import { watchRollout } from '../watch/watch-rollout.js';
import { exitCodeOf } from './exit-codes.js';
import type { Invocation } from './invocation.js';

/** Follows a rollout in the way that the output allows, and sets the status of the process by its end. */
export async function watch(client: ControlPlaneClient, id: string, invocation: Invocation): Promise<void> {
  const { terminal } = invocation;
  const isJson = invocation.options().json === true;
  const view = isJson ? jsonProgress(terminal) : terminal.stdout.isTTY ? barProgress(terminal) : lineProgress(terminal);
  const last = await watchRollout(client, id, view, terminal.interrupted).finally(() => view.end());
  if (!isJson) printLines(terminal, endLines(last));
  invocation.exitCode = exitCodeOf(last.state);
}
