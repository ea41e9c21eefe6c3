import type { FleetDrift, FleetVersions } from '../api/answers.js';
import { table } from '../output/table.js';
import { count, moment, oneLine } from '../output/words.js';

/** How many databases have which schema. */
export function versionLines({ target, newest, behind, versions }: FleetVersions): string[] {
  const born = target === null ? 'No worker has started yet' : `Databases are born with schema ${target}`;
  const left = behind === 0 ? 'no project is behind' : `${count(behind, 'project')} behind`;
  return [
    `${born}; the newest of this release is ${newest}; ${left}.`,
    ...(versions.length === 0
      ? []
      : [
          '',
          ...table(versions, [
            { title: 'SCHEMA', cell: ({ version }) => version },
            { title: 'PROJECTS', cell: ({ projects }) => projects },
            { title: 'SPARES', cell: ({ spares }) => spares },
            { title: 'MADE BY', cell: ({ name }) => name },
          ]),
        ]),
  ];
}

/** Which databases are not as they should be, and what differs. */
export function driftLines({ checkedAt, counts, items, next }: FleetDrift): string[] {
  const { pending, same, drifted, failed } = counts;
  if (checkedAt === null && pending === 0) {
    return ['Nobody has looked yet; `boxyard fleet drift --check` looks into every database.'];
  }
  const when = checkedAt === null ? 'None is looked into yet' : `Last looked ${moment(checkedAt)}`;
  return [
    `${when}: ${same} as expected, ${drifted} not, ${failed} could not be looked into, ${pending} to come.`,
    ...items.flatMap(({ slug, schemaVersion, differences, error }) => [
      '',
      `${oneLine(slug)} (schema ${schemaVersion ?? 'unknown'})`,
      ...(error === null ? [] : [`  ${oneLine(error)}`]),
      ...differences.map((line) => `  ${oneLine(line)}`),
    ]),
    ...(next === null ? [] : ['', 'There are more; ask for them with --limit.']),
  ];
}
