/** The built command line as a process of its own, with a home of its own. */
import { spawn } from 'node:child_process';
import path from 'node:path';

const cliMain = path.resolve('dist/apps/cli/src/main.js');

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  env: Record<string, string>;
  stdin?: string;
  /** Sees all that was printed so far, at every piece, and can send the process a signal. */
  onOutput?: (stdout: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** Runs `boxyard …` to its end. */
export function runCli(parameters: readonly string[], { env, stdin = '', onOutput }: CliOptions): Promise<CliResult> {
  return run(process.execPath, [cliMain, ...parameters], { env, stdin, ...(onOutput ? { onOutput } : {}) });
}

/** Runs a block of the documentation, in which `npx boxyard` is the built command line. */
export function runBlock(script: string, { env }: Pick<CliOptions, 'env'>): Promise<CliResult> {
  const npx = `npx() { shift; "$NODE" "$CLI" "$@"; }`;
  return run('bash', ['-c', `${npx}\n${script}`], { env: { NODE: process.execPath, CLI: cliMain, ...env } });
}

function run(program: string, parameters: readonly string[], { env, stdin, onOutput }: CliOptions): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    // Nothing of the developer's own settings counts.
    const child = spawn(program, parameters, { env: { PATH: process.env['PATH'], ...env } });
    const printed = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      printed.stdout += chunk.toString();
      onOutput?.(printed.stdout, (signal) => child.kill(signal));
    });
    child.stderr.on('data', (chunk: Buffer) => (printed.stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...printed }));
    child.stdin.end(stdin);
  });
}
