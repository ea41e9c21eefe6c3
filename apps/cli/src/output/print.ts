import type { Terminal } from './terminal.js';

/** Lines for people. */
export function printLines({ stdout }: Pick<Terminal, 'stdout'>, lines: readonly string[]): void {
  stdout.write(`${lines.join('\n')}\n`);
}

/** An answer for programs, as the control plane gave it. */
export function printJson({ stdout }: Pick<Terminal, 'stdout'>, answer: unknown): void {
  stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
}
