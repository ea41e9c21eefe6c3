/** The matrix as a page of the documentation. */
import { interactions, isGranted, type Interaction, type Policy, type World } from './literal-reading.js';
import type { Role } from './roles.js';
import { places, type Sample } from './samples.js';

/** The samples of a role at each place, in the same order. */
export type RoleSamples = Readonly<Record<(typeof places)[number], readonly Sample[]>>;

/** What a row of the matrix is called. */
export const rowName = ({ type, variant }: Sample): string => (variant === undefined ? type : `${type}, ${variant}`);

/** There is no search of Binaries. */
export const hasInteraction = (type: string, interaction: Interaction): boolean =>
  type !== 'Binary' || interaction !== 'search';

/** The page, in the form that prettier gives it. */
export function matrixPage(roles: readonly { role: Role; samples: RoleSamples; world: World }[]): string {
  const intro = [
    '# What the policies grant',
    '',
    'Made by `BOXYARD_WRITE_DOCS=1 npm run jest -- test/e2e/policy-matrix`, which reads the policies as a person would. Without the variable the same test asks a running server for every cell and every member, and fails when this page, the policies and the server do not say the same.',
    '',
    '- **own**: granted on what belongs to the member (the own chart, organization or care team, as the policy says), answered 403 for the same thing of somebody else.',
    '- **all**: granted on both. **–**: 403 for both. What a policy leaves out altogether is 403 in every way.',
    '- A patch counts as an update. A create sends the same content as something new: where the policy has a `compartment` and the resource is about no patient, it is filed under the own organization, and so granted whoever it was copied from.',
    '- Binaries cannot be searched for.',
  ];
  const sections = roles.flatMap(({ role, samples, world }) => {
    const rows = samples.own.map((own, position) => {
      const cells = interactions.map((interaction) => cell(role, world, interaction, [own, samples.foreign[position]]));
      return { own, cells };
    });
    const granted = rows.filter(({ cells }) => cells.some((text) => text !== '–'));
    const named = new Set(granted.map(({ own }) => own.type));
    const denied = [...new Set(samples.own.map(({ type }) => type))].filter((type) => !named.has(type));
    const header = ['', ...interactions];
    const lines = granted.map(({ own, cells }) => [rowName(own), ...cells]);
    return [
      '',
      `## ${role.policy.name}`,
      '',
      ...markdownTable([header, ...lines]),
      '',
      `Nothing of: ${denied.join(', ')}.`,
      ...fieldNotes(role.policy),
    ];
  });
  return `${[...intro, ...sections].join('\n')}\n`;
}

function cell(role: Role, world: World, interaction: Interaction, samples: readonly (Sample | undefined)[]): string {
  const [own, foreign] = samples.map(
    (sample) =>
      sample !== undefined &&
      hasInteraction(sample.type, interaction) &&
      isGranted(role, world, interaction, sample.resource),
  );
  if (own === true) return foreign === true ? 'all' : 'own';
  return foreign === true ? 'foreign' : '–';
}

function fieldNotes({ resource }: Policy): string[] {
  const notes = resource.flatMap(({ resourceType, hiddenFields = [], readonlyFields = [] }) => [
    ...(hiddenFields.length === 0 ? [] : [`- ${resourceType}: hidden ${hiddenFields.map(code).join(', ')}`]),
    ...(readonlyFields.length === 0 ? [] : [`- ${resourceType}: readonly ${readonlyFields.map(code).join(', ')}`]),
  ]);
  return notes.length === 0 ? [] : ['', ...new Set(notes)];
}

const code = (text: string): string => `\`${text}\``;

function markdownTable(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [header = [], ...body] = rows;
  return [line(header), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body.map(line)];
}
