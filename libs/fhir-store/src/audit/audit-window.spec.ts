import { fhirVersion } from '#fhir';
import { parseSearch } from '#fhir-search';
import { auditWindow } from './audit-window.js';

const version = fhirVersion('R4');
const windowOf = (query: string) =>
  auditWindow(
    parseSearch(version, 'AuditEvent', query, {
      handling: 'strict',
      now: new Date('2026-11-21T00:00:00Z'),
      ownBaseUrls: ['https://quay.example.org/fhir/R4/'],
    }).criteria,
  );
const open = { from: '-infinity', until: 'infinity', keys: [], deniedOnly: false, deletionsOnly: false };

describe('the window of a search', () => {
  test.each([
    ['', {}],
    ['date=2026-01-02', { from: '2026-01-02T00:00:00.000Z', until: '2026-01-03T00:00:00.000Z' }],
    ['date=ge2026-01-02', { from: '2026-01-02T00:00:00.000Z' }],
    ['date=sa2026-01-02', { from: '2026-01-02T00:00:00.000Z' }],
    ['date=lt2026-01-02', { until: '2026-01-03T00:00:00.000Z' }],
    ['date=ge2026-01-02&date=le2026-01-04', { from: '2026-01-02T00:00:00.000Z', until: '2026-01-05T00:00:00.000Z' }],
    ['date=2026-01-02,2026-01-09', { from: '2026-01-02T00:00:00.000Z', until: '2026-01-10T00:00:00.000Z' }],
    ['date=ne2026-01-02', {}],
    ['date:missing=false', {}],
    ['_lastUpdated=gt2026', { from: '2026-01-01T00:00:00.000Z' }],
    [
      '_filter=date ge 2026-01-02 and agent eq Practitioner/1',
      { from: '2026-01-02T00:00:00.000Z', keys: [['Practitioner/1']] },
    ],
    ['_filter=agent eq Practitioner/1 or patient eq Patient/2', { keys: [['Practitioner/1', 'Patient/2']] }],
    ['_filter=agent eq Practitioner/1 or action eq D', {}],
    ['_filter=not (agent eq Practitioner/1)', {}],
    ['agent=Practitioner/1&patient=2', { keys: [['Practitioner/1'], ['Patient/2']] }],
    ['entity=Patient/1/_history/3,https://quay.example.org/fhir/R4/Basic/2', { keys: [['Patient/1', 'Basic/2']] }],
    ['entity=https://elsewhere.example/Patient/1', { keys: [[]] }],
    ['_compartment=Organization/1', { keys: [['Organization/1']] }],
    ['_compartment=1', {}],
    ['_compartment:not=Organization/1', {}],
    ['source=Device/1', {}],
    ['outcome=4', { deniedOnly: true }],
    ['outcome=4,8', { deniedOnly: true }],
    ['outcome=4,0', {}],
    ['outcome:not=0', {}],
    ['action=D', { deletionsOnly: true }],
    ['action=http://hl7.org/fhir/audit-event-action|D', { deletionsOnly: true }],
    ['action=D,U', {}],
    ['action:not=D', {}],
  ])('by %j holds all that can match, and by what there is an index for nothing else', (query, expected) => {
    expect(windowOf(query)).toEqual({ ...open, ...expected });
  });
});
