import type { Command } from 'commander';
import { ControlPlaneClient } from '../api/control-plane-client.js';
import { CommandError, UsageError } from '../api/problem-error.js';
import { moment } from '../output/words.js';
import { ask, readAll } from '../session/ask.js';
import { isReadableOnTheWay } from '../session/control-url.js';
import { credentialsPath, readLogins, storeLogin } from '../session/credentials-file.js';
import { chooseUrl } from '../session/session.js';
import type { Invocation } from './invocation.js';

interface LoginOptions {
  email?: string;
  passwordStdin?: true;
}

/** `boxyard login`: exchanges an operator's password for a token, which is stored for the commands of the next hour. */
export function addLoginCommand(program: Command, invocation: Invocation): void {
  program
    .command('login')
    .description('log in at a control plane; its token is kept for an hour in a file that only you can read')
    .option('--email <address>', 'operator to log in as; asked for without it')
    .option('--password-stdin', 'read the password from stdin instead of asking for it')
    .action((options: LoginOptions) => login(options, invocation));
}

async function login({ email, passwordStdin }: LoginOptions, invocation: Invocation): Promise<void> {
  const { terminal } = invocation;
  const { env, stdin, stderr, now, interrupted } = terminal;
  const file = credentialsPath(env);
  const url = chooseUrl(invocation.options().url, env, await readLogins(file));
  if (isReadableOnTheWay(url)) stderr.write(`Warning: ${url} is not https; others on the way can read the password.\n`);
  if (passwordStdin !== true && !stdin.isTTY) {
    throw new CommandError('There is no terminal to ask for the password; pass it with --password-stdin.');
  }
  if (passwordStdin === true && email === undefined) {
    throw new UsageError('With --password-stdin the operator must be named with --email.');
  }
  const name = email ?? (await ask(terminal, 'E-mail address: ')).trim();
  const password =
    passwordStdin === true ? await readAll(terminal) : await ask(terminal, 'Password: ', { hidden: true });
  const { accessToken, expiresIn } = await new ControlPlaneClient(url, interrupted).post<{
    accessToken: string;
    expiresIn: number;
  }>('/auth/login', { email: name, password });
  const expiresAt = new Date(now().getTime() + expiresIn * 1_000).toISOString();
  await storeLogin(file, url, { email: name, accessToken, expiresAt });
  invocation.print({ url, email: name, expiresAt, file }, () => [
    `Logged in at ${url} as ${name} until ${moment(expiresAt)}.`,
  ]);
}
