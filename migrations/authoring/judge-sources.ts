import { hasContent, judgeStep, type SchemaStep } from '#tenant-schema';
import type { ReleasedStep } from './released.js';

/** What is wrong with the migrations as they are written, without a database; a line each, none when all is well. */
export async function judgeSources(
  steps: readonly SchemaStep[],
  released: readonly ReleasedStep[],
  files: readonly string[],
): Promise<string[]> {
  const fresh = steps.filter(({ version, checksum }) => released[version - 1]?.checksum !== checksum);
  const findings = await Promise.all(fresh.map(judged));
  return [
    ...editedSteps(steps, released),
    ...severalAtOnce(steps, released),
    ...unlisted(steps, files),
    ...findings.flat(),
  ];
}

/**
 * A data plane serves the schema before its own and no older one, and data planes are replaced before databases are
 * migrated: were a release to bring two migrations, it would serve nobody until its rollout is through. One line that says
 * so, or none. The first release finds no databases, so it may bring any number.
 */
export function severalAtOnce(steps: readonly SchemaStep[], released: readonly ReleasedStep[]): string[] {
  const fresh = steps.slice(released.length).map(({ name }) => name);
  if (released.length === 0 || fresh.length < 2) return [];
  return [
    `${fresh.join(', ')}: a release brings one migration, since its data planes serve the schema before their own and no ` +
      'older one. Make one migration of them, or leave the later ones to the releases after it.',
  ];
}

/** Databases have these steps already: they are what they were, or say what they supersede (and leave the same schema). */
function editedSteps(steps: readonly SchemaStep[], released: readonly ReleasedStep[]): string[] {
  return released.flatMap(({ version, name, checksum }, index) => {
    const step = steps[index];
    if (version !== index + 1) return [`migrations/tenant/released has no ${index + 1}.json, but a later one.`];
    if (step?.name !== name) {
      return [
        `${name} was released as schema ${version}, but ${step?.name ?? 'nothing'} is in its place now. Put it back.`,
      ];
    }
    if (hasContent(step, checksum)) return [];
    return [
      `${name} was released and has been edited since. Put it back as it was, and write a new migration; or, when it cannot ` +
        `be applied everywhere as it was, add supersedes = ['${checksum}'].`,
    ];
  });
}

/** Each dated file is in the index, in the order of the dates. */
function unlisted(steps: readonly SchemaStep[], files: readonly string[]): string[] {
  const dates = files.flatMap((file) => /^(\d{13})-.+\.ts$/.exec(file)?.[1] ?? []).sort();
  const listed = steps.map(({ name }) => /\d{13}$/.exec(name)?.[0] ?? '');
  if (dates.join() === listed.join()) return [];
  return [
    `The files of migrations/tenant are dated ${dates.join(', ')}, but its index has ${listed.join(', ')}. ` +
      'Each belongs into the index, oldest first, under a class name with the date of its file.',
  ];
}

async function judged(step: SchemaStep): Promise<string[]> {
  try {
    return (await judgeStep(step)).map(({ statement, rule, message }) => {
      const place = statement === null ? step.name : `${step.name}, statement ${statement}`;
      if (rule === null) return `${place}: ${message}`;
      return `${place}: ${message} If it is right here, say so in the statement: -- waiver: ${rule}: <why>`;
    });
  } catch (error) {
    return [`${step.name}: ${error instanceof Error ? error.message : String(error)}`];
  }
}
