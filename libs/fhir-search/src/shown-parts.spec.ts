import { fhirVersion, readResource, supportedFhirVersions } from '#fhir';
import { showParts } from './shown-parts.js';
import type { ShownParts } from './search-request.js';

const version = fhirVersion('R4');
const tags =
  '{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"},{"system":"http://hl7.org/fhir/v3/ObservationValue","code":"SUBSETTED"}';

const body = (meta: string) =>
  `{"resourceType":"Observation","id":"o","meta":{${meta}},"text":{"status":"generated","div":"<div>x</div>"},"status":"final",` +
  '"_status":{"id":"s"},"code":{"text":"a,b}]"},"valueQuantity":{"value":1.00},"note":[{"text":"long"}],"bodySite":{"text":"arm"}}';

const show = (shown: ShownParts, meta = '"versionId":"7"') => showParts(version, 'Observation', body(meta), shown);
const elements = (...names: string[]): ShownParts => ({ kind: 'elements', elements: names });

describe('what is shown of a resource', () => {
  it('is the same text when all of it is', () => {
    expect(show({ kind: 'all' })).toBe(body('"versionId":"7"'));
  });

  it('of its elements: those named, what it must have, and its identity', () => {
    expect(show(elements('note'))).toBe(
      `{"resourceType":"Observation","id":"o","meta":{"versionId":"7","tag":[${tags}]},"status":"final","_status":{"id":"s"},"code":{"text":"a,b}]"},"note":[{"text":"long"}]}`,
    );
  });

  it('of a choice: the form that is there, with the characters of its number', () => {
    expect(show(elements('value'))).toContain('"valueQuantity":{"value":1.00}');
    expect(show(elements('Observation.value'))).toContain('"valueQuantity"');
    expect(show(elements('val'))).not.toContain('"valueQuantity"');
    expect(show(elements('bodySite.text'))).toContain('"bodySite":{"text":"arm"}');
  });

  it('of its text: that, and what it must have', () => {
    expect(Object.keys(JSON.parse(show({ kind: 'text' })) as object)).toEqual([
      'resourceType',
      'id',
      'meta',
      'text',
      'status',
      '_status',
      'code',
    ]);
  });

  it('of its data: all but the text', () => {
    const shown = JSON.parse(show({ kind: 'data' })) as object;
    expect(shown).not.toHaveProperty('text');
    expect(shown).toHaveProperty('note');
  });

  it('in summary: what the definition marks', () => {
    const shown = JSON.parse(show({ kind: 'summary' })) as object;
    expect(shown).toMatchObject({ status: 'final', valueQuantity: { value: 1 } });
    expect(shown).not.toHaveProperty('note');
    expect(shown).not.toHaveProperty('text');
  });

  it('keeps the tags that it has', () => {
    expect(show(elements('note'), '"versionId":"7","tag":[{"code":"vip"}],"source":"x"')).toContain(
      `"meta":{"versionId":"7","tag":[{"code":"vip"},${tags}],"source":"x"}`,
    );
    expect(show(elements('note'), '"tag":[]')).toContain(`"meta":{"tag":[${tags}]}`);
  });
});

it.each(supportedFhirVersions())(
  'what changes the meaning of the rest is shown with any element in FHIR $label',
  ({ id }) => {
    const text =
      '{"resourceType":"Patient","id":"p","meta":{"versionId":"1"},"implicitRules":"http://r.example","modifierExtension":[{"url":"http://m.example","valueBoolean":true}],"active":false,"_active":{"id":"a"},"name":[{"family":"A"}],"deceasedBoolean":true,"birthDate":"2000"}';
    const shown = JSON.parse(showParts(fhirVersion(id), 'Patient', text, elements('name'))) as object;
    expect(Object.keys(shown)).toEqual([
      'resourceType',
      'id',
      'meta',
      'implicitRules',
      'modifierExtension',
      'active',
      '_active',
      'name',
      'deceasedBoolean',
    ]);
  },
);

it.each(supportedFhirVersions())('a summary of a patient is a valid resource in FHIR $label', ({ id }) => {
  const fhir = fhirVersion(id);
  const text =
    '{"resourceType":"Patient","id":"p","meta":{"versionId":"1"},"name":[{"family":"A"}],"photo":[{"title":"x"}],"birthDate":"2000"}';
  const shown = readResource(showParts(fhir, 'Patient', text, { kind: 'summary' }));
  expect(fhir.validate(shown.value)).toEqual([]);
  expect(shown.value).toMatchObject({ birthDate: '2000' });
  expect(shown.value).not.toHaveProperty('photo');
});
