import { Command, CommanderError } from 'commander';
import { exitCodes } from './commands/exit-codes.js';
import { addFleetCommands } from './commands/fleet.commands.js';
import { type CommonOptions, Invocation } from './commands/invocation.js';
import { addLoginCommand } from './commands/login.command.js';
import { addRolloutCommands } from './commands/rollout.commands.js';
import { InterruptedError, UsageError } from './api/problem-error.js';
import { explainError } from './output/explain-error.js';
import type { Terminal } from './output/terminal.js';

/**
 * Runs one command line and gives the status of the process: 0 done, 1 refused or not reached, 2 a wrong command line, of a
 * rollout that was watched 3 for paused and 4 for aborted, and 130 after Ctrl-C. Errors are explained on stderr; stdout has results alone.
 */
export async function runCli(parameters: readonly string[], terminal: Terminal): Promise<number> {
  const program = new Command('boxyard')
    .description("the operator's command line of Boxyard")
    .option('--url <url>', 'control plane; else BOXYARD_CONTROL_URL, else the one you logged in at last')
    .option('--json', 'print answers as JSON')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .showHelpAfterError('Add --help for what can be said.')
    // Throws instead of ending the process, here and in every command that is added from here on.
    .exitOverride();
  const invocation = new Invocation(terminal, () => program.opts<CommonOptions>());
  addLoginCommand(program, invocation);
  addRolloutCommands(program, invocation);
  addFleetCommands(program, invocation);
  try {
    await program.parseAsync(parameters, { from: 'user' });
    return invocation.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    terminal.stderr.write(`boxyard: ${explainError(error).join('\n')}\n`);
    if (error instanceof UsageError) return exitCodes.usage;
    return error instanceof InterruptedError ? exitCodes.interrupted : exitCodes.failed;
  }
}
