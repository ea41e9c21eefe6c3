import { supportedFhirVersions as definedVersions } from '#fhir';
import { supportedFhirVersions } from '../../apps/control-plane/src/projects/fhir-versions.js';

it('projects can be made in those versions of FHIR for which there are definitions', () => {
  expect(supportedFhirVersions).toEqual(definedVersions().map(({ id, label }) => ({ id, label })));
});
