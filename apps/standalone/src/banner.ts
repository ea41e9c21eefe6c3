/** What the control plane leaves when it made the first operator. */
export interface BootstrapLogin {
  email: string;
  password: string;
}

/** What a person needs after a start; `bootstrap` only when the first operator was made by it. */
export function banner(
  urls: { control: string; data: string; databaseDir: string | undefined },
  bootstrap: { login: BootstrapLogin; file: string } | undefined,
): string {
  const lines = [
    '',
    '  Boxyard is running. Ctrl-C stops it.',
    '',
    `  control plane  ${urls.control}/control/v1`,
    `  data plane     ${urls.data}/`,
    ...(urls.databaseDir === undefined ? [] : [`  data           ${urls.databaseDir}`]),
    '',
  ];
  if (bootstrap !== undefined) {
    lines.push('  The first operator (shown this once):', '');
    lines.push(`    email:    ${bootstrap.login.email}`, `    password: ${bootstrap.login.password}`);
    lines.push('', `  It is also kept in ${bootstrap.file}; delete the file when you have noted it.`, '');
  }
  return `${lines.join('\n')}\n`;
}
