import { all, codesOf, everyAnimal, expand, expansionOf, named, refusalOf, stamp } from './expansion.fixture.js';

describe('an expansion', () => {
  it('says what was expanded, from what, and how', async () => {
    const about = { url: 'http://sets.example/x', version: '1', name: 'X', title: 'Ex', status: 'active' };
    const compose = { include: [all('animals')] };
    expect(await expand({ ...about, publisher: 'P', compose }, { filter: 'blue', count: 5, activeOnly: true })).toEqual(
      {
        resourceType: 'ValueSet',
        ...about,
        expansion: {
          ...stamp,
          total: 1,
          offset: 0,
          parameter: [
            { name: 'filter', valueString: 'blue' },
            { name: 'count', valueInteger: 5 },
            { name: 'activeOnly', valueBoolean: true },
            { name: 'used-codesystem', valueUri: 'http://codes.example/animals|3' },
          ],
          contains: [{ system: 'http://codes.example/animals', code: 'whale', display: 'Blue whale' }],
        },
      },
    );
    expect(await expand({ ...about, compose }, { includeDefinition: true, count: 0 })).toMatchObject({
      compose,
      expansion: { total: 6 },
    });
  });

  it('marks codes that should not be used any more or not be selected, and leaves them out when asked to', async () => {
    const compose = { include: [all('animals')] };
    const { contains } = await expansionOf(compose);
    expect(contains).toContainEqual(expect.objectContaining({ code: 'mammal', abstract: true }));
    expect(contains).toContainEqual(expect.objectContaining({ code: 'dodo', inactive: true }));
    expect(await codesOf(compose, { activeOnly: true, excludeNotForUI: true })).toEqual(
      everyAnimal.filter((code) => code !== 'mammal' && code !== 'dodo'),
    );
  });

  it('takes displays from the value set, else from the system', async () => {
    const include = [{ ...all('animals'), concept: [{ code: 'dog', display: 'Good dog' }, { code: 'whale' }] }];
    expect((await expansionOf({ include })).contains).toEqual([
      { system: 'http://codes.example/animals', code: 'dog', display: 'Good dog' },
      { system: 'http://codes.example/animals', code: 'whale', display: 'Blue whale' },
    ]);
  });

  it('shows codes in the language that is wanted, where there is a word in it', async () => {
    const compose = { include: [named('animals', 'dog', 'whale')] };
    const { contains } = await expansionOf(compose, { displayLanguage: 'de', includeDesignations: true });
    expect(contains).toEqual([
      expect.objectContaining({
        display: 'Hund',
        designation: [
          { language: 'de-AT', value: 'Hund' },
          { language: 'fr', value: 'Chien' },
        ],
      }),
      { system: 'http://codes.example/animals', code: 'whale', display: 'Blue whale' },
    ]);
    expect(await codesOf(compose, { displayLanguage: 'fr', filter: 'chi' })).toEqual(['dog']);
    expect(await codesOf(compose, { filter: 'chi' })).toEqual([]);
  });

  it('says when a system lists only some of its codes', async () => {
    const { expansion } = await expand({ compose: { include: [all('part')] } });
    expect(expansion).toMatchObject({
      extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/valueset-unclosed', valueBoolean: true }],
      contains: [{ code: 'p' }],
    });
  });

  it('comes in pages, with the total before paging', async () => {
    const compose = { include: [all('large')] };
    const page = await expansionOf(compose, { offset: 1_198, count: 10 });
    expect(page).toMatchObject({ total: 1_200, offset: 1_198 });
    expect(page.contains?.map(({ code }) => code)).toEqual(['n1198', 'n1199']);
    const long = await expansionOf(compose, { count: 5_000 });
    expect(long.contains).toHaveLength(1_000);
    expect(long.parameter).toContainEqual({ name: 'count', valueInteger: 1_000 });
    expect(await expansionOf(compose, { count: 0 })).not.toHaveProperty('contains');
    expect(await expansionOf(compose, { filter: 'number 119', count: 2 })).toMatchObject({ total: 11 });
  });

  it('has an offset only when pages were asked for', async () => {
    const compose = { include: [all('sizes')] };
    expect(await expansionOf(compose)).not.toHaveProperty('offset');
    expect(await expansionOf(compose, { count: 5 })).toMatchObject({ offset: 0 });
    expect(await expansionOf(compose, { offset: 1 })).toMatchObject({ offset: 1 });
  });

  it('is refused as too costly when it is long and no page was asked for', async () => {
    const compose = { include: [all('large')] };
    expect(await refusalOf(compose)).toMatch(/^too-costly too-costly: The value set has 1200 codes/);
    expect(await codesOf(compose, { filter: 'number 7' })).toHaveLength(111);
    expect(await codesOf(compose, { offset: 1_000 })).toHaveLength(200);
  });
});
