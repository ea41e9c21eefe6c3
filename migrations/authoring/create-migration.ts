import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Refusal } from './refusal.js';

export type Kind = 'tenant' | 'control';

/**
 * Writes a new migration of the house form into migrations/<kind> of the current folder and appends it to the index there.
 * Gives what to do next. Throws a Refusal when the name is taken or no name for a migration.
 */
export async function createMigration(kind: Kind, name: string, now: number): Promise<string> {
  const folder = path.resolve('migrations', kind);
  const planned = planMigration(kind, name, readdirSync(folder), now);
  const index = path.join(folder, 'index.ts');
  const text = withMigration(readFileSync(index, 'utf8'), planned);
  writeFileSync(path.join(folder, planned.file), planned.text, { flag: 'wx' });
  writeFileSync(index, text);
  return `migrations/${kind}/${planned.file} is there, and in the index. Fill in \`up\`, then: npm run migration:check`;
}

export interface PlannedMigration {
  readonly file: string;
  readonly className: string;
  readonly text: string;
}

/**
 * The file of a migration with this name: dated now, or right after the last one in the folder when that is dated later.
 * Throws a Refusal when the name is not of the form `add-slot-label`, or is there already.
 */
export function planMigration(kind: Kind, name: string, files: readonly string[], now: number): PlannedMigration {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    throw new Refusal(`"${name}" is no name for a migration. Say what it does, in words like add-slot-label.`);
  }
  const dated = files.flatMap((file) => {
    const parts = /^(\d{13})-(.+)\.ts$/.exec(file);
    return parts === null ? [] : [{ date: Number(parts[1]), name: parts[2] }];
  });
  if (dated.some((other) => other.name === name)) throw new Refusal(`There is a migration ${name} already.`);
  const date = Math.max(now, ...dated.map((other) => other.date + 1));
  const words = name.split('-').map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`);
  const className = `${words.join('')}${date}`;
  return { file: `${date}-${name}.ts`, className, text: templates[kind](className) };
}

/** The index with one migration more, after all others. Throws a Refusal when it is not in the form that is known. */
export function withMigration(index: string, { file, className }: PlannedMigration): string {
  const imports = [...index.matchAll(/^import \{ \w+ \} from '\.\/\d{13}-[^']+';\n/gm)].at(-1);
  const list = /^(export const \w+Migrations.*? = )\[([^\]]*)\];/m.exec(index);
  if (imports === undefined || list === null) throw new Refusal('The index has another form than is known here.');
  const names = [...(list[2] ?? '').split(',').map((name) => name.trim()), className].filter((name) => name !== '');
  const oneLine = `${list[1]}[${names.join(', ')}];`;
  const listed = oneLine.length <= 120 ? oneLine : `${list[1]}[\n${names.map((name) => `  ${name},\n`).join('')}];`;
  const importEnd = imports.index + imports[0].length;
  const line = `import { ${className} } from './${file.replace(/\.ts$/, '.js')}';\n`;
  return `${index.slice(0, importEnd)}${line}${index.slice(importEnd).replace(list[0], () => listed)}`;
}

const templates: Record<Kind, (className: string) => string> = {
  tenant: (className) => `import type { QueryRunner } from 'typeorm';
import type { TenantMigration } from './tenant-migration.js';

/** Why the schema changes. */
export class ${className} implements TenantMigration {
  readonly name = '${className}';
  readonly phase = 'expand';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('Tenant databases are never migrated backwards: restore a backup taken before the migration.');
  }
}

const statements: string[] = [];
`,
  control: (className) => `import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Why the schema changes. */
export class ${className} implements MigrationInterface {
  name = '${className}';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('The control database is never migrated backwards; restore a backup instead.');
  }
}

const statements: string[] = [];
`,
};
