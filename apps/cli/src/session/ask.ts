import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CommandError, InterruptedError } from '../api/problem-error.js';
import type { Terminal } from '../output/terminal.js';

/** Asks a person for a line. The question goes to stderr, since stdout is for results. What is typed is shown unless hidden. */
export async function ask({ stdin, stderr }: Terminal, question: string, { hidden = false } = {}): Promise<string> {
  stderr.write(question);
  // Readline echoes to its output; one that swallows everything hides what is typed.
  const output = hidden ? new Writable({ write: (_chunk, _encoding, done) => done() }) : stderr;
  const lines = createInterface({ input: stdin, output, terminal: true });
  const interrupted = new Promise<never>((_, reject) => lines.once('SIGINT', () => reject(new InterruptedError())));
  const ended = new Promise<never>((_, reject) =>
    lines.once('close', () => reject(new CommandError('The input ended before the answer.'))),
  );
  try {
    return await Promise.race([lines.question(''), interrupted, ended]);
  } finally {
    lines.close();
    // A closing race loser must not count as unhandled.
    ended.catch(() => undefined);
    interrupted.catch(() => undefined);
    if (hidden) stderr.write('\n');
  }
}

/** All that stands on stdin, without the end of its last line. */
export async function readAll({ stdin }: Terminal): Promise<string> {
  let text = '';
  for await (const chunk of stdin) text += String(chunk);
  return text.replace(/\r?\n$/, '');
}
