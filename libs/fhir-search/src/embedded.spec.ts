import { fhirVersion, supportedFhirVersions } from '#fhir';
import { embeddedKey } from './embedded.js';

it.each(supportedFhirVersions())('the keys of what is embedded are like no others in FHIR $label', ({ id }) => {
  const version = fhirVersion(id);
  const all = version.resourceTypes.flatMap((type) => [...version.searchParameters(type).values()]);
  const keys = new Set(all.map(({ key }) => key));
  for (const outer of all.filter(({ embeds }) => embeds)) {
    for (const inner of outer.targets.flatMap((type) => [...version.searchParameters(type).values()])) {
      const key = embeddedKey(outer.key, inner.key);
      expect([`${outer.code}.${inner.code}`, keys.has(key)]).toEqual([`${outer.code}.${inner.code}`, false]);
      keys.add(key);
    }
  }
  expect(keys.size).toBeGreaterThan(all.length + 40);
});
