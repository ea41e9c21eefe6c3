import type { JsonObject } from '#fhir';
import type { SearchCase } from './search-case.js';

/** Bundles in which other resources stand. */
export const bundles = (version: string): readonly JsonObject[] => {
  const composition = {
    resourceType: 'Composition',
    id: 'c1',
    status: 'final',
    type: { coding: [{ system: 'http://loinc.org', code: '18842-5', display: 'Discharge summary' }] },
    ...(version === 'R5'
      ? { subject: [{ reference: 'Patient/ana' }], identifier: [{ system: 'http://c.example', value: '7' }] }
      : { subject: { reference: 'Patient/ana' }, identifier: { system: 'http://c.example', value: '7' } }),
    date: '2024-03-01T10:00:00Z',
    author: [{ reference: 'Practitioner/kim' }],
    title: 'Discharge of Ana',
  };
  const header = {
    resourceType: 'MessageHeader',
    id: 'h1',
    eventCoding: { system: 'http://events.example', code: 'admit' },
    source: version === 'R5' ? { endpointUrl: 'http://from.example' } : { endpoint: 'http://from.example' },
    destination: [{ name: 'Ward', ...(version === 'R5' ? {} : { endpoint: 'http://to.example' }) }],
  };
  const patient = { resourceType: 'Patient', id: 'ana', name: [{ family: 'Berg' }] };
  const document = (id: string, first: JsonObject): JsonObject => ({
    resourceType: 'Bundle',
    id,
    type: 'document',
    identifier: { system: 'http://b.example', value: id },
    timestamp: '2024-03-01T10:00:00Z',
    entry: [
      { fullUrl: 'http://x.example/Composition/c1', resource: first },
      { fullUrl: 'http://x.example/Patient/ana', resource: patient },
    ],
  });
  return [
    // Stored under the same ids: what is inside a Bundle is another thing than these.
    { ...composition, title: 'Another title', status: 'amended' },
    patient,
    document('final', composition),
    document('draft', { ...composition, id: 'c2', status: 'preliminary', title: 'Admission' }),
    {
      resourceType: 'Bundle',
      id: 'message',
      type: 'message',
      timestamp: '2024-03-01T10:00:00Z',
      entry: [{ fullUrl: 'http://x.example/MessageHeader/h1', resource: header }],
    },
    {
      resourceType: 'Bundle',
      id: 'other',
      type: 'collection',
      entry: [{ fullUrl: 'http://x.example/Patient/ana', resource: patient }],
    },
  ];
};

export const embeddedCases: SearchCase[] = [
  { search: 'Bundle?composition:missing=false', finds: ['final', 'draft'], because: 'a patient is no composition' },
  { search: 'Bundle?composition=c1', finds: ['final'] },
  { search: 'Bundle?composition=Composition/c1,c2', finds: ['final', 'draft'] },
  { search: 'Bundle?composition:Composition=c2', finds: ['draft'] },
  { search: 'Bundle?composition=ana', finds: [] },
  { search: 'Bundle?composition.title=discharge', finds: ['final'] },
  { search: 'Bundle?composition.title:contains=OF', finds: ['final'] },
  { search: 'Bundle?composition.title=another', finds: [], because: 'that is the stored one with the same id' },
  { search: 'Bundle?composition.status=final', finds: ['final'] },
  { search: 'Bundle?composition.status:not=final', finds: ['draft'], because: 'others have no composition' },
  { search: 'Bundle?composition:Composition.type=http://loinc.org|18842-5', finds: ['final', 'draft'] },
  { search: 'Bundle?composition.type:text=discharge', finds: ['final', 'draft'] },
  { search: 'Bundle?composition.date=2024-03-01', finds: ['final', 'draft'] },
  { search: 'Bundle?composition.date=gt2025', finds: [] },
  { search: 'Bundle?composition.identifier=http://c.example|7', finds: ['final', 'draft'] },
  { search: 'Bundle?composition.patient=ana&composition.status=final', finds: ['final'] },
  { search: 'Bundle?composition.author=Practitioner/kim', finds: ['final', 'draft'] },
  { search: 'Bundle?composition._id=c2', finds: ['draft'] },
  { search: 'Bundle?composition._id:not=c2', finds: ['final'] },
  { search: 'Bundle?composition.section:missing=true', finds: ['final', 'draft'] },
  { search: 'Bundle?_filter=composition.title sw "admission"', finds: ['draft'] },
  { search: 'Bundle?message=h1', finds: ['message'] },
  { search: 'Bundle?message.event=admit', finds: ['message'] },
  { search: 'Bundle?message.destination=ward', finds: ['message'], versions: ['R4', 'R4B'] },
  { search: 'Bundle?message.status=final', refused: 'not-found' },
  { search: 'Bundle?composition=http://x.example/Composition/c1', refused: 'value', expression: 'composition' },
  { search: 'Bundle?composition=Patient/ana', refused: 'value' },
  { search: 'Bundle?composition:identifier=7', refused: 'not-supported' },
  { search: 'Bundle?composition.patient.name=berg', refused: 'not-supported', because: 'it leads out of the Bundle' },
  { search: 'Bundle?composition._lastUpdated=ge2020', refused: 'not-supported' },
  { search: 'Composition?_has:Bundle:composition:type=document', refused: 'not-supported' },
  { search: 'Bundle?_include=Bundle:composition', refused: 'not-supported', expression: '_include' },
  { search: 'Bundle?_sort=composition', refused: 'not-supported', expression: '_sort' },
  { search: 'Bundle?_include=*', finds: ['final', 'draft', 'message', 'other'], because: 'nothing is referred to' },
  {
    search: 'Patient?_revinclude=*',
    finds: ['ana'],
    includes: ['Composition/c1'],
    because: 'the reference inside is not the Bundle’s',
  },
];
