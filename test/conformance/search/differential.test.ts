/**
 * The statements against the judgement in memory: over the same resources, every search must find the same ones by
 * both, each once and in the order asked for. The resources are official examples and changed copies of them, the searches random but seeded.
 */
import { OutcomeError, supportedFhirVersions, type JsonObject } from '#fhir';
import { runs, SeededRandom } from '#testing';
import { officialExamples } from '../official-examples.js';
import { changedResource } from './random/changed-resource.js';
import { misplaced } from './random/order.js';
import { RandomSearches } from './random/random-searches.js';
import { SearchableDatabase } from './searchable-database.js';
import { identityOf } from '../identity.js';

const searches = runs({ sample: 150, deep: 2_000 });
const seed = 20_261_121;

describe.each(supportedFhirVersions())('in FHIR $label', ({ label }) => {
  let database: SearchableDatabase;
  beforeAll(async () => {
    database = await SearchableDatabase.create(label);
    await database.put(...sampleOf(officialExamples(label), database));
    await database.analyze();
  });
  afterAll(() => database?.close());

  it(`${searches} random searches find by SQL what they find in memory`, async () => {
    const random = new RandomSearches(database.version, [...database.stored.values()], new SeededRandom(seed));
    const differences: object[] = [];
    const refusals: string[] = [];
    let found = 0;
    for (let made = 0; made < searches; made++) {
      const search = random.next();
      const answer = await database.search(`${search}&_count=1000`).then(
        // The definitions that every project has without storing them are left aside.
        ({ ids }) => ids.filter((id) => database.stored.has(id)),
        (error: unknown) => {
          if (error instanceof OutcomeError) return error;
          throw new Error(`The search ${search} failed.`, { cause: error });
        },
      );
      if (answer instanceof OutcomeError) {
        refusals.push(`${search} ${answer.message}`);
        continue;
      }
      if (answer.length > 0) found++;
      const judged = database.judge(search);
      const bySqlOnly = answer.filter((id) => !judged.includes(id));
      const inMemoryOnly = judged.filter((id) => !answer.includes(id));
      const repeated = answer.length - new Set(answer).size;
      const resources = answer.map((id) => database.stored.get(id)).filter((one) => one !== undefined);
      const disorder = misplaced(database.version, database.parse(search), resources)?.map(({ id }) => id);
      if (bySqlOnly.length + inMemoryOnly.length + repeated > 0 || disorder !== undefined) {
        differences.push({ search: decodeURIComponent(search), bySqlOnly, inMemoryOnly, repeated, disorder });
      }
    }
    expect(differences).toEqual([]);
    // The searches are worth something only if most are answered, and many of them find something.
    expect(refusals.slice(searches / 10)).toEqual([]);
    expect(found).toBeGreaterThan(searches / 4);
  });
});

/** Every example, as far as the common run has time for, and as many changed copies. */
function sampleOf(examples: readonly JsonObject[], { version }: SearchableDatabase): JsonObject[] {
  const random = new SeededRandom(seed);
  const kept = examples.filter((example) => version.validate(example).length === 0);
  const references = kept.map((example) => identityOf(example).address);
  const copies = kept.map((example, number) =>
    changedResource(version, example, `changed-${number}`, references, random),
  );
  return [...kept, ...copies.filter((copy) => copy !== undefined)];
}
