import { hideExtendedMeta, hideFields } from './hide-fields.js';

const patient =
  '{"resourceType":"Patient","id":"a","meta":{"versionId":"7","lastUpdated":"2026-01-01T00:00:00.000Z","tag":[{"code":"x"}]},' +
  '"birthDate":"1970-01-01","_birthDate":{"extension":[{"url":"u","valueDecimal":1.00}]},' +
  '"name":[{"family":"Q","given":["A"],"_given":[{"id":"g"}]},{"given":["B"]}],' +
  '"address":[{"postalCode":"1"},{"city":"C","postalCode":"2"}],"contact":[{"name":{"family":"F"},"gender":"female"}]}';

const hidden = (...paths: string[]) => JSON.parse(hideFields(patient, paths)) as Record<string, unknown>;

describe('hideFields', () => {
  it('returns the text itself when nothing is hidden', () => {
    expect(hideFields(patient, [])).toBe(patient);
    expect(hideFields(patient, ['photo', 'name.period.start', 'birthDate.x'])).toBe(patient);
  });

  it('takes a primitive with the member that stands beside it, and keeps the characters of the rest', () => {
    const text = hideFields(patient, ['birthDate']);
    expect(text).not.toMatch(/birthDate/i);
    expect(hideFields(patient, ['gender'])).toBe(patient);
    expect(hideFields(patient, ['address'])).toContain('"valueDecimal":1.00');
  });

  it('takes nested fields out of every item of a list, and the items keep their places', () => {
    expect(hidden('address.postalCode')['address']).toEqual([{}, { city: 'C' }]);
    expect(hidden('name.given')['name']).toEqual([{ family: 'Q' }, {}]);
    expect(hidden('contact.name.family')['contact']).toEqual([{ gender: 'female' }]);
  });

  it('leaves no member behind that has lost everything', () => {
    expect(hidden('address.postalCode', 'address.city')).not.toHaveProperty('address');
    expect(hidden('birthDate.extension')).not.toHaveProperty('_birthDate');
  });

  it('hides all forms of a choice, and only those', () => {
    const text =
      '{"resourceType":"Observation","id":"o","valueQuantity":{"value":1.0},"_valueString":{},"valueset":1,"value":2}';
    expect(hideFields(text, ['value[x]'])).toBe('{"resourceType":"Observation","id":"o","valueset":1}');
    expect(hideFields(text, ['valueQuantity.value'])).not.toContain('valueQuantity');
  });

  it('takes a path with the type in front for the same', () => {
    expect(hidden('Patient.name.family')['name']).toEqual([{ given: ['A'], _given: [{ id: 'g' }] }, { given: ['B'] }]);
  });

  it('never takes the identity of a resource nor the number and time of its version', () => {
    const shown = hidden('resourceType', 'id', 'meta');
    expect(shown).toMatchObject({ resourceType: 'Patient', id: 'a' });
    expect(shown['meta']).toEqual({ versionId: '7', lastUpdated: '2026-01-01T00:00:00.000Z' });
    expect(hidden('meta.tag', 'meta.versionId')['meta']).toEqual(shown['meta']);
  });

  it('never takes the security context of a Binary, by which one sees who may have it', () => {
    const binary = '{"resourceType":"Binary","id":"b","securityContext":{"reference":"Patient/a"},"data":"eA=="}';
    for (const path of ['securityContext', 'Binary.securityContext.reference']) {
      expect(hideFields(binary, [path, 'data'])).toBe(binary.replace(',"data":"eA=="', ''));
    }
  });
});

describe('hideExtendedMeta', () => {
  it('hides what stands in meta in extended mode', () => {
    const members = '"author":{"reference":"A/1"},"project":"p"';
    expect(hideExtendedMeta(members, ['meta.author'])).toBe('"project":"p"');
    expect(hideExtendedMeta(members, ['meta'])).toBe('');
    expect(hideExtendedMeta(members, ['author'])).toBe(members);
  });
});
