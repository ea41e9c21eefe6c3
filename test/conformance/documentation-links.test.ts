/** What the documentation points to is there. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

async function pages(): Promise<string[]> {
  const below = await readdir('docs', { recursive: true });
  const own = await readdir('.');
  return [...own, ...below.map((name) => join('docs', name))].filter((name) => name.endsWith('.md'));
}

test('every link of the documentation to a file leads to one', async () => {
  const broken: string[] = [];
  for (const page of await pages()) {
    const text = (await readFile(page, 'utf8')).replace(/```.*?```/gs, '');
    for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      if (!existsSync(join(dirname(page), decodeURI(target)))) broken.push(`${page}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});
