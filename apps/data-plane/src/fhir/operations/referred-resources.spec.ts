import type { StoredVersion } from '#fhir-store';
import { referredResources } from './referred-resources.js';

const version = (id: string, members: object): StoredVersion => ({
  type: 'Observation',
  id,
  versionId: '1',
  lastUpdated: '',
  deleted: false,
  body: JSON.stringify({ resourceType: 'Observation', id, ...members }),
  extendedMeta: '',
});

const along = new Set(['Practitioner', 'Organization', 'Observation']);
const own = ['https://quay.example.org/fhir/R4/'];

test('references of the given types are found once each, wherever they stand', () => {
  const performer = [{ reference: 'Practitioner/1' }, { reference: 'Organization/o.1-a' }];
  const extension = [{ url: 'u', valueReference: { reference: 'Practitioner/2/_history/7' } }];
  const found = referredResources([version('a', { performer, extension }), version('b', { performer })], along);
  expect(found).toEqual([
    { type: 'Practitioner', id: '1' },
    { type: 'Organization', id: 'o.1-a' },
    { type: 'Practitioner', id: '2' },
  ]);
});

test('an absolute reference counts below the project’s own addresses only', () => {
  const performer = [
    'https://quay.example.org/fhir/R4/Practitioner/1',
    'https://elsewhere.example.org/fhir/Practitioner/2',
  ];
  const body = { performer: performer.map((reference) => ({ reference })) };
  expect(referredResources([version('a', body)], along, own)).toEqual([{ type: 'Practitioner', id: '1' }]);
});

test('text that looks like a reference is none, nor are other types, fragments or what is on the page itself', () => {
  const body = {
    note: [{ text: 'see "reference":"Practitioner/1"' }],
    subject: { reference: 'Patient/1' },
    focus: [{ reference: '#contained' }, { reference: 'urn:uuid:1' }],
    hasMember: [{ reference: 'Observation/b' }],
  };
  expect(referredResources([version('a', body), version('b', {})], along)).toEqual([]);
  expect(referredResources([version('a', { performer: [{ reference: 'Practitioner/1' }] })], new Set())).toEqual([]);
});
