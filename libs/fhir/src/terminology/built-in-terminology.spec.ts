import { OutcomeError } from '../outcomes/outcome-error.js';
import { fhirVersion, supportedFhirVersions } from '../versions/registry.js';
import { expandValueSet, type ExpansionWishes } from './expand-value-set.js';
import type { TerminologySource } from './value-set-codes.js';

interface Coding {
  readonly system: string;
  readonly code: string;
  readonly display?: string;
}

describe.each(supportedFhirVersions())('the value sets that come with FHIR $label', ({ id }) => {
  const version = fhirVersion(id);
  const { terminology } = version;
  const from =
    <Found>(find: (canonical: string) => Found | undefined) =>
    async (canonicals: readonly string[]): Promise<Map<string, Found>> =>
      new Map(
        canonicals.flatMap((canonical): [string, Found][] => {
          const found = find(canonical);
          return found === undefined ? [] : [[canonical, found]];
        }),
      );
  const source: TerminologySource = {
    valueSets: from((canonical) => terminology.valueSet(canonical)),
    codeSystems: from((canonical) => terminology.codeSystem(canonical)),
  };

  async function expand(canonical: string, wishes: ExpansionWishes): Promise<{ total: number; contains: Coding[] }> {
    const valueSet = terminology.valueSet(canonical);
    if (valueSet === undefined) throw new Error(`There is no value set ${canonical}`);
    const stamp = { identifier: 'urn:uuid:1', timestamp: '2026-01-01T00:00:00.000Z' };
    const { expansion } = await expandValueSet(source, valueSet, wishes, stamp);
    return { contains: [], ...(expansion as object) } as unknown as { total: number; contains: Coding[] };
  }

  it('expand, or name what is missing; most expand', async () => {
    const counts = { expanded: 0, refused: 0 };
    for (const url of terminology.valueSetUrls()) {
      try {
        await expand(url, { count: 1 });
        counts.expanded += 1;
      } catch (error) {
        if (!(error instanceof OutcomeError)) throw error;
        expect(error.issues).toEqual([{ severity: 'error', code: 'not-supported', text: expect.any(String) }]);
        expect(error.message).toMatch(/(?:codes of|value set|code system) [a-z]+:\S+/);
        counts.refused += 1;
      }
    }
    expect(counts.expanded).toBeGreaterThan(3_000);
    expect(counts.refused).toBeLessThan(200);
  });

  it('are found by every binding of the standard, but for those to what others publish', () => {
    const bound = new Set<string>();
    for (const type of version.resourceTypes) {
      const definition = version.definitions('StructureDefinition').find(({ name }) => name === type);
      for (const [, url = ''] of definition
        ?.text()
        .matchAll(/"valueSet":"(http:\/\/(?:hl7\.org\/fhir|terminology\.hl7\.org)\/ValueSet\/[^"]+)"/g) ?? []) {
        bound.add(url);
      }
    }
    const missing = [...bound].filter((url) => terminology.valueSet(url) === undefined);
    expect(bound.size).toBeGreaterThan(400);
    expect(missing.length).toBeLessThan(bound.size * 0.03);
  });

  it('have the codes of the standard', async () => {
    const marital = await expand('http://hl7.org/fhir/ValueSet/marital-status', { filter: 'mar', count: 10 });
    expect(marital.contains[0]).toEqual({
      system: 'http://terminology.hl7.org/CodeSystem/v3-MaritalStatus',
      code: 'M',
      display: 'Married',
    });
    const gender = await expand(`http://hl7.org/fhir/ValueSet/administrative-gender|${version.id}`, {});
    expect(gender.contains.map(({ code }) => code)).toEqual(['male', 'female', 'other', 'unknown']);
    const relationships = await expand('http://terminology.hl7.org/ValueSet/v3-FamilyMember', {
      filter: 'natural mother',
    });
    expect(relationships.contains.map(({ code }) => code)).toContain('NMTH');
    expect(terminology.valueSet('http://hl7.org/fhir/ValueSet/administrative-gender|0.1')).toBeUndefined();
  });

  it('have the types of resources that a project can hold', async () => {
    const url = 'https://medplum.com/fhir/ValueSet/resource-types';
    const all = await expand(url, {});
    expect(all.contains.map(({ code }) => code)).toEqual(version.resourceTypes);
    const found = await expand(url, { filter: 'prac', count: 5 });
    expect(found.contains).toEqual([
      { system: 'http://hl7.org/fhir/resource-types', code: 'Practitioner', display: 'Practitioner' },
      { system: 'http://hl7.org/fhir/resource-types', code: 'PractitionerRole', display: 'PractitionerRole' },
    ]);
    const platform = await expand(url, { filter: 'accesspolicy' });
    expect(platform.contains.map(({ code }) => code)).toEqual(['AccessPolicy']);
  });
});
