/** The mail of a project as the data plane writes it to files. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Link {
  readonly id: string;
  readonly secret: string;
}

/** The links of a kind in the messages to an address, in the order in which they were sent. */
export async function linksTo(
  dataDir: string,
  projectId: string,
  email: string,
  kind: 'setpassword' | 'verifyemail',
): Promise<Link[]> {
  const directory = join(dataDir, 'mail', projectId);
  const files = await readdir(directory).catch(() => []);
  const texts = await Promise.all(files.sort().map((name) => readFile(join(directory, name), 'utf8')));
  return texts
    .map((text) => JSON.parse(text) as { to: string; text: string })
    .filter(({ to }) => to === email)
    .flatMap(({ text }) => {
      const [, id, secret] = new RegExp(`${kind}/([^/\\s]+)/(\\S+)`).exec(text) ?? [];
      return id === undefined || secret === undefined ? [] : [{ id, secret }];
    });
}
