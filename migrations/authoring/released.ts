import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type SchemaDescription, schemaDrift } from '#tenant-schema';

/** What a release brought to tenant databases: the step, and what the schema was after it. */
export interface ReleasedStep {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
  /** The catalog of a new database of this version, as schemaDescription gives it, with the grants of a project. */
  readonly schema: readonly string[];
}

const folder = (): string => path.resolve('migrations/tenant/released');

/** Every released step, oldest first; none before the first release. */
export function readReleased(): ReleasedStep[] {
  if (!existsSync(folder())) return [];
  return readdirSync(folder())
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(path.join(folder(), file), 'utf8')) as ReleasedStep)
    .sort((one, other) => one.version - other.version);
}

/** Keeps what a step is from now on. Throws when there is such a file already. */
export function writeReleased(released: ReleasedStep): void {
  mkdirSync(folder(), { recursive: true });
  const file = path.join(folder(), `${released.version}.json`);
  writeFileSync(file, `${JSON.stringify(released, null, 2)}\n`, { flag: 'wx' });
}

/** How the schemas that the migrations make now differ from those that were released, grants included; a line each. */
export function changedSchemas(
  now: readonly Pick<SchemaDescription, 'lines'>[],
  released: readonly ReleasedStep[],
): string[] {
  return released.flatMap(({ version, schema }) => {
    const drift = schemaDrift(schema, now[version - 1]?.lines ?? []);
    if (drift.length === 0) return [];
    return [`Schema ${version} is not what was released (- released, + now). Is it grants.ts?`, ...drift];
  });
}
