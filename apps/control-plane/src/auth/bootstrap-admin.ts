import { chmod, mkdir, open, rename } from 'node:fs/promises';
import path from 'node:path';
import type { OperatorRepository } from '#control-database';
import { generateSecret, hashPassword, uuidv7, type Config } from '#platform';

const bootstrapFile = 'bootstrap-admin.json';

/**
 * Makes the first operator while there is none, with BOXYARD_ADMIN_PASSWORD or a generated password. A generated one
 * stands in `<dataDir>/bootstrap-admin.json` (readable by its owner alone, in the form that `POST /auth/login` takes)
 * before the operator exists, and is announced after that. Of several processes that start at once one makes the operator.
 */
export async function bootstrapAdmin(
  config: Pick<Config, 'adminEmail' | 'adminPassword' | 'dataDir'>,
  operators: OperatorRepository,
  announce: (line: string) => void,
): Promise<void> {
  const email = config.adminEmail.toLowerCase();
  const password = config.adminPassword ?? generateSecret();
  const isMade = await operators.ensureFirst(async () => {
    if (config.adminPassword === undefined) await keepPassword(config.dataDir, email, password);
    return { id: uuidv7(), email, passwordHash: await hashPassword(password, 'control-plane'), role: 'platform-admin' };
  });
  if (isMade && config.adminPassword === undefined) announce(`Bootstrap admin: ${email} / ${password}`);
}

/** The file appears whole and never with wider rights, whatever was there before. */
async function keepPassword(dataDir: string, email: string, password: string): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const target = path.join(dataDir, bootstrapFile);
  const draft = `${target}.${process.pid}.draft`;
  const file = await open(draft, 'w', 0o600);
  try {
    await chmod(draft, 0o600);
    await file.writeFile(`${JSON.stringify({ email, password })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, target);
}
