import type { ControlPlaneClient } from '../api/control-plane-client.js';
import { printJson, printLines } from '../output/print.js';
import type { Terminal } from '../output/terminal.js';
import { openSession } from '../session/session.js';

/** The options that every command has. */
export interface CommonOptions {
  readonly url?: string;
  readonly json?: true;
}

/** One call of the program: what its commands work with, and the status that it will end with. */
export class Invocation {
  exitCode = 0;

  constructor(
    readonly terminal: Terminal,
    /** Read when a command runs; before that nothing is parsed. */
    readonly options: () => CommonOptions,
  ) {}

  connect(): Promise<ControlPlaneClient> {
    return openSession(this.options().url, this.terminal);
  }

  /** Prints an answer: as it is for programs, in the lines that `show` makes of it for people. */
  print<Answer>(answer: Answer, show: (answer: Answer) => readonly string[]): void {
    if (this.options().json === true) printJson(this.terminal, answer);
    else printLines(this.terminal, show(answer));
  }
}
