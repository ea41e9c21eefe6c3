/**
 * Resources of every type that the policies of the documentation name, and of some that none of them names: each once as
 * the member's own and once as somebody else's.
 */
import type { Resource } from './literal-reading.js';

export const places = ['own', 'foreign'] as const;
export type Place = (typeof places)[number];

/** One row of the matrix. */
export interface Sample {
  readonly type: string;
  /** What tells it from other rows of its type. */
  readonly variant?: string;
  readonly resource: Resource;
}

/** To whom the resources of one place belong. */
interface Owner {
  /** The ids of the place begin with it. */
  readonly place: string;
  readonly accounts: readonly object[];
  to(type: string, variant?: string): { reference: string };
}

type Body = Readonly<Record<string, unknown>>;
type Build = (owner: Owner) => Body;

const computed = { tag: [{ system: 'urn:example:origin', code: 'computed' }] };
const text = (value: string) => ({ text: value });
const coding = (system: string, code: string) => ({ coding: [{ system, code }] });
const subject = (owner: Owner) => ({ subject: owner.to('Patient') });
const narrative = { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">Doe</div>' };
const day = '2026-03-01T09:00:00Z';
const laterThatDay = '2026-03-01T09:30:00Z';

const observation =
  (status: string, more: Body = {}): Build =>
  (owner) => ({
    status,
    code: text('Heart rate'),
    category: [coding('http://terminology.hl7.org/CodeSystem/observation-category', 'vital-signs')],
    valueQuantity: { value: 72, unit: 'beats/minute' },
    note: [text('Resting.')],
    ...subject(owner),
    ...more,
  });

const condition =
  (status: string): Build =>
  (owner) => ({
    clinicalStatus: coding('http://terminology.hl7.org/CodeSystem/condition-clinical', status),
    code: text('Asthma'),
    ...subject(owner),
  });

const claim =
  (status: string): Build =>
  (owner) => ({
    status,
    type: text('Professional'),
    use: 'claim',
    patient: owner.to('Patient'),
    created: '2026-03-01',
    provider: owner.to('Organization'),
    priority: text('Normal'),
    insurance: [{ sequence: 1, focal: true, coverage: owner.to('Coverage') }],
  });

/** Of all types, in an order in which what is referred to comes first. `unfiled` belongs to the project as a whole. */
const builders: readonly (readonly [type: string, variant: string | undefined, build: Build, filing?: 'unfiled'])[] = [
  ['Organization', undefined, () => ({ name: 'A clinic', contact: [{ name: { text: 'The desk' } }] }), 'unfiled'],
  [
    'Practitioner',
    undefined,
    () => ({
      text: narrative,
      name: [text('Dr. Doe')],
      gender: 'female',
      birthDate: '1980-01-01',
      telecom: [{ system: 'phone', value: '555-1' }],
    }),
    'unfiled',
  ],
  [
    'Patient',
    undefined,
    (owner) => ({
      text: narrative,
      name: [text('Pat Doe')],
      identifier: [{ system: 'urn:example:mrn', value: owner.place }],
      managingOrganization: owner.to('Organization'),
      generalPractitioner: [owner.to('Practitioner')],
    }),
  ],
  [
    'Patient',
    'filed nowhere',
    (owner) => ({ name: [text('Lee Doe')], generalPractitioner: [owner.to('Practitioner')] }),
    'unfiled',
  ],
  ['Observation', 'final', observation('final')],
  ['Observation', 'preliminary', observation('preliminary')],
  [
    'Observation',
    'computed',
    (owner) => observation('preliminary', { meta: computed, derivedFrom: [owner.to('Observation', 'final')] })(owner),
  ],
  ['DiagnosticReport', 'final', (owner) => ({ status: 'final', code: text('Blood count'), ...subject(owner) })],
  [
    'DiagnosticReport',
    'preliminary',
    (owner) => ({ status: 'preliminary', code: text('Blood count'), ...subject(owner) }),
  ],
  [
    'DocumentReference',
    undefined,
    (owner) => ({ status: 'current', content: [{ attachment: { title: 'Letter' } }], ...subject(owner) }),
  ],
  [
    'AllergyIntolerance',
    undefined,
    (owner) => ({
      clinicalStatus: coding('http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical', 'active'),
      code: text('Peanut'),
      patient: owner.to('Patient'),
    }),
  ],
  ['CarePlan', undefined, (owner) => ({ status: 'active', intent: 'plan', ...subject(owner) })],
  ['CareTeam', undefined, (owner) => ({ participant: [{ member: owner.to('Practitioner') }], ...subject(owner) })],
  ['Condition', 'active', condition('active')],
  ['Condition', 'resolved', condition('resolved')],
  [
    'Encounter',
    undefined,
    (owner) => ({
      status: 'finished',
      class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
      ...subject(owner),
    }),
  ],
  ['Goal', undefined, (owner) => ({ lifecycleStatus: 'active', description: text('Walk'), ...subject(owner) })],
  [
    'Immunization',
    undefined,
    (owner) => ({
      status: 'completed',
      vaccineCode: text('Measles'),
      patient: owner.to('Patient'),
      occurrenceDateTime: '2026-03-01',
    }),
  ],
  [
    'MedicationRequest',
    undefined,
    (owner) => ({
      status: 'active',
      intent: 'order',
      medicationCodeableConcept: text('Salbutamol'),
      ...subject(owner),
    }),
  ],
  ['Procedure', undefined, (owner) => ({ status: 'completed', code: text('Spirometry'), ...subject(owner) })],
  [
    'ServiceRequest',
    undefined,
    (owner) => ({ status: 'active', intent: 'order', code: text('Spirometry'), ...subject(owner) }),
  ],
  [
    'Appointment',
    undefined,
    (owner) => ({
      status: 'booked',
      start: day,
      end: laterThatDay,
      comment: 'Is often late.',
      participant: [{ actor: owner.to('Patient'), status: 'accepted' }],
    }),
  ],
  [
    'QuestionnaireResponse',
    'in progress',
    (owner) => ({ status: 'in-progress', source: owner.to('Patient'), ...subject(owner) }),
  ],
  [
    'QuestionnaireResponse',
    'completed',
    (owner) => ({ status: 'completed', source: owner.to('Patient'), ...subject(owner) }),
  ],
  [
    'Communication',
    'from the patient',
    (owner) => ({ status: 'completed', sender: owner.to('Patient'), ...subject(owner) }),
  ],
  [
    'Communication',
    'to the patient',
    (owner) => ({ status: 'completed', sender: owner.to('Practitioner'), ...subject(owner) }),
  ],
  [
    'AuditEvent',
    undefined,
    (owner) => ({
      type: { system: 'http://terminology.hl7.org/CodeSystem/audit-event-type', code: 'rest' },
      recorded: day,
      agent: [{ who: owner.to('Practitioner'), requestor: true, network: { address: '203.0.113.7', type: '2' } }],
      source: { observer: owner.to('Organization') },
      entity: [{ what: owner.to('Patient') }],
    }),
  ],
  [
    'Provenance',
    undefined,
    (owner) => ({ target: [owner.to('Patient')], recorded: day, agent: [{ who: owner.to('Practitioner') }] }),
  ],
  [
    'Binary',
    'of the patient',
    (owner) => ({ contentType: 'text/plain', securityContext: owner.to('Patient'), data: 'SGVsbG8=' }),
  ],
  ['Binary', 'without context', () => ({ contentType: 'text/plain', data: 'SGVsbG8=' })],
  ['Questionnaire', 'active', () => ({ status: 'active', title: 'Sleep' }), 'unfiled'],
  ['Questionnaire', 'draft', () => ({ status: 'draft', title: 'Sleep' }), 'unfiled'],
  ['Location', undefined, (owner) => ({ name: 'Room 1', managingOrganization: owner.to('Organization') })],
  [
    'PractitionerRole',
    undefined,
    (owner) => ({ practitioner: owner.to('Practitioner'), organization: owner.to('Organization') }),
  ],
  ['Medication', undefined, () => ({ code: text('Salbutamol') }), 'unfiled'],
  ['ValueSet', undefined, () => ({ status: 'active', name: 'Colours' }), 'unfiled'],
  [
    'Task',
    'ordered',
    (owner) => ({
      status: 'requested',
      intent: 'order',
      for: owner.to('Patient'),
      owner: owner.to('Practitioner'),
    }),
  ],
  [
    'Task',
    'computed',
    (owner) => ({ meta: computed, status: 'requested', intent: 'proposal', for: owner.to('Patient') }),
  ],
  [
    'Coverage',
    undefined,
    (owner) => ({ status: 'active', beneficiary: owner.to('Patient'), payor: [owner.to('Organization')] }),
  ],
  ['Claim', 'draft', claim('draft')],
  ['Claim', 'sent', claim('active')],
  ['Schedule', undefined, (owner) => ({ actor: [owner.to('Practitioner')] })],
  ['Slot', undefined, (owner) => ({ schedule: owner.to('Schedule'), status: 'free', start: day, end: laterThatDay })],
  ['RiskAssessment', 'computed', (owner) => ({ meta: computed, status: 'preliminary', ...subject(owner) })],
  ['RiskAssessment', 'computed, final', (owner) => ({ meta: computed, status: 'final', ...subject(owner) })],
  ['RiskAssessment', 'by a person', (owner) => ({ status: 'preliminary', ...subject(owner) })],
  ['AccessPolicy', undefined, () => ({ name: 'Some policy', resource: [{ resourceType: 'Basic' }] })],
  ['ClientApplication', undefined, () => ({ name: 'Some client' })],
  ['Bot', undefined, () => ({ name: 'Some bot' })],
  [
    'Subscription',
    undefined,
    () => ({
      status: 'off',
      reason: 'News',
      criteria: 'Observation?',
      channel: { type: 'rest-hook', endpoint: 'https://hook.example.org', header: ['Authorization: secret'] },
    }),
  ],
  ['UserConfiguration', undefined, () => ({ name: 'Some menu' })],
  ['Basic', undefined, (owner) => ({ code: text('Note'), ...subject(owner) })],
  ['Group', undefined, (owner) => ({ type: 'person', actual: true, member: [{ entity: owner.to('Patient') }] })],
];

/** The resources of one place; `name` sets them apart from those of other members. */
export function samplesOf(name: string, place: Place): Sample[] {
  const at = `${name}-${place}`;
  const to = (type: string, variant?: string) => ({ reference: `${type}/${idOf(at, variant)}` });
  const owner = { place: at, accounts: [to('Organization'), to('CareTeam')], to };
  return builders.map(([type, variant, build, filing]) => {
    const { meta = {}, ...members } = build(owner) as { meta?: object };
    const accounts = filing === 'unfiled' ? {} : { accounts: owner.accounts };
    return {
      type,
      ...(variant === undefined ? {} : { variant }),
      resource: { resourceType: type, id: idOf(at, variant), meta: { ...meta, ...accounts }, ...members },
    };
  });
}

const idOf = (at: string, variant: string | undefined): string =>
  variant === undefined ? at : `${at}-${variant.replace(/[^a-z]+/g, '-')}`;
