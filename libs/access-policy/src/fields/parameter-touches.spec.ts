import { fhirVersion } from '#fhir';
import { parameterTouches } from './parameter-touches.js';

const version = fhirVersion('R4');
/** The standard gives it the expression of another type, which finds nothing in this one. */
const mistaken = new Set(['R5 CareTeam?date']);

const touches = (type: string, code: string, ...paths: string[]) =>
  parameterTouches(type, version.searchParameters(type).get(code) ?? { code, expressions: [] }, paths);

describe('parameterTouches', () => {
  it.each([
    ['Patient', 'birthdate', 'birthDate'],
    ['Patient', 'birthdate', 'Patient.birthDate'],
    ['Patient', 'name', 'name.given'],
    ['Patient', 'given', 'name'],
    ['Patient', 'phonetic', 'name'],
    ['Patient', 'address', 'address.postalCode'],
    ['Patient', 'address-postalcode', 'address.postalCode'],
    ['Patient', 'deceased', 'deceased[x]'],
    ['Patient', 'deceased', 'deceasedDateTime'],
    ['Patient', 'email', 'telecom'],
    ['Patient', 'email', 'telecom.system'],
    ['Patient', 'identifier', 'identifier.value'],
    ['Patient', '_tag', 'meta'],
    ['Patient', '_content', 'birthDate'],
    ['Patient', '_text', 'text'],
    ['Patient', 'link', 'link'],
    ['Observation', 'value-quantity', 'value[x]'],
    ['Observation', 'value-quantity', 'valueQuantity'],
    ['Observation', 'combo-value-quantity', 'component.value[x]'],
    ['Observation', 'code-value-quantity', 'valueQuantity'],
    ['Observation', 'code-value-quantity', 'code'],
    ['Observation', 'component-code-value-quantity', 'component.code'],
    ['Observation', 'patient', 'subject'],
    ['Observation', 'patient', 'subject.reference'],
    ['Condition', 'onset-age', 'onset[x]'],
    ['Encounter', 'location-period', 'location'],
    ['List', '_list', 'entry'],
  ])('%s?%s reads %s, or a part of it, or what it is a part of', (type, code, path) => {
    expect(touches(type, code, path)).toBe(true);
  });

  it.each([
    ['Patient', 'birthdate', 'name'],
    ['Patient', 'given', 'name.family'],
    ['Patient', 'address-city', 'address.postalCode'],
    ['Patient', '_text', 'birthDate'],
    ['Patient', '_id', 'identifier'],
    ['Patient', '_lastUpdated', 'meta.tag'],
    ['Observation', 'value-quantity', 'valueString'],
    ['Observation', 'value-quantity', 'component.valueQuantity'],
    ['Observation', 'component-value-quantity', 'valueQuantity'],
    ['Observation', 'code', 'value[x]'],
  ])('%s?%s does not read %s', (type, code, path) => {
    expect(touches(type, code, path)).toBe(false);
  });

  it('knows of every parameter of every version that it reads what its expressions start with', () => {
    for (const label of ['R4', 'R4B', 'R5']) {
      const every = fhirVersion(label);
      for (const type of every.resourceTypes) {
        for (const parameter of every.searchParameters(type).values()) {
          if (parameter.expressions.length === 0 || mistaken.has(`${label} ${type}?${parameter.code}`)) continue;
          const members = every.structure(type) ?? [];
          const hit = members.some(({ name, choice }) =>
            parameterTouches(type, parameter, [choice === undefined ? name : `${choice}[x]`]),
          );
          expect({ label, type, code: parameter.code, hit }).toEqual({ label, type, code: parameter.code, hit: true });
        }
      }
    }
  });
});
