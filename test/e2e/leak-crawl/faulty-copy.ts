import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Edit } from './fault.js';

/** A copy of the built server, into which faults can be put. */
export interface ServerCopy {
  readonly root: string;
  /** Runs `work` while the edits are in the copy. Throws when one does not fit exactly once. */
  with<T>(edits: readonly Edit[], work: () => Promise<T>): Promise<T>;
  remove(): Promise<void>;
}

/** Copies `dist`; packages and definitions, which are only read, stay where they are. */
export async function copyServer(): Promise<ServerCopy> {
  const root = await mkdtemp(join(tmpdir(), 'boxyard-faulty-'));
  const definitions = resolve('dist/libs/fhir/definitions');
  await cp(resolve('dist'), join(root, 'dist'), {
    recursive: true,
    filter: (source) => source !== definitions && !source.endsWith('.map'),
  });
  await symlink(definitions, join(root, 'dist/libs/fhir/definitions'));
  await symlink(resolve('node_modules'), join(root, 'node_modules'));
  await cp(resolve('package.json'), join(root, 'package.json'));
  return {
    root,
    with: async (edits, work) => {
      const originals = new Map<string, string>();
      for (const { file, find, replace } of edits) {
        const path = join(root, 'dist', file);
        const text = await readFile(path, 'utf8');
        if (text.split(find).length !== 2) throw new Error(`${file} does not hold exactly once: ${find}`);
        if (!originals.has(path)) originals.set(path, text);
        await writeFile(
          path,
          text.replace(find, () => replace),
        );
      }
      try {
        return await work();
      } finally {
        for (const [path, text] of originals) await writeFile(path, text);
      }
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
}
