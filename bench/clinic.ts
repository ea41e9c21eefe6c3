import { type CreatedProject, expectStatus } from '#testing';
import { seededRandom, transactionBundle } from './seeded-resources.js';

/** The clinic that most benches ask: so many Patients, each with so many Observations. */
export const PATIENTS = 20_000;
const OBSERVATIONS_EACH = 2;
const BUNDLES = 500;

export const ORGANIZATIONS = 100;

/** The organization under which the n-th Patient is filed in a clinic whose Patients are. */
export const organizationOf = (index: number): string => `Organization/org-${index % ORGANIZATIONS}`;

/**
 * Imports the clinic and returns the ids of the Patients, in order. `filed`: each Patient is filed under its organization;
 * the headers must be those of an administrator in extended mode.
 */
export async function fillClinic(
  project: CreatedProject,
  headers: Record<string, string>,
  { filed = false } = {},
): Promise<string[]> {
  const random = seededRandom(1);
  const size = (PATIENTS * (1 + OBSERVATIONS_EACH)) / BUNDLES;
  const ids: string[][] = [];
  let next = 0;
  const send = async (index: number): Promise<void> => {
    const response = await fetch(`${project.baseUrl}fhir/R4`, {
      method: 'POST',
      headers: { ...headers, prefer: 'return=minimal' },
      body: transactionBundle(random, index * size, size, OBSERVATIONS_EACH, filed ? fileUnderOrganization : undefined),
    });
    const { entry } = (await expectStatus(response, 200)) as { entry: { response: { location: string } }[] };
    ids[index] = entry.flatMap(({ response: { location } }) => /\/Patient\/([^/]+)/.exec(location)?.[1] ?? []);
  };
  await Promise.all(
    Array.from({ length: 2 }, async () => {
      while (next < BUNDLES) await send(next++);
    }),
  );
  return ids.flat();
}

/** Positions of Patients in the clinic are three apart: their Observations stand between them. */
const fileUnderOrganization = (position: number) => ({
  accounts: [{ reference: organizationOf(position / (1 + OBSERVATIONS_EACH)) }],
});
