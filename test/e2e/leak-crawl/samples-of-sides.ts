/** What both sides of the crawl own: the same types, bound to each other in every way that the server might follow. */
import type { FhirVersion, JsonObject } from '#fhir';
import { officialExamples } from '../../conformance/official-examples.js';
import { identityOf } from '../../conformance/identity.js';
import { marks, secretYears } from './canaries.js';
import { SampleWriter } from './samples.js';
import { hiddenPatientFields } from './policies.js';
import { valueSetsOf } from './value-sets.js';

/** The organizations; their ids are no secret, each could be guessed. */
export const ours = 'Organization/ours-organization-1';
export const theirs = 'Organization/far-organization-1';

/** Whose context the file of each side has: a patient of that side. */
const contextOf = { ours: 'ours-patient-1', theirs: 'far-patient-1' } as const;

export interface Sides {
  /** Resources of the side that crawls. */
  readonly ours: readonly JsonObject[];
  /** The same with other texts in the fields that are hidden from them. */
  readonly oursOtherwiseHidden: readonly JsonObject[];
  /** Resources of the other side: every text in them is a canary. Those whose id is none are referred to by ours. */
  readonly theirs: readonly JsonObject[];
  /** For which an app of the other side was launched. */
  readonly theirLaunch: JsonObject;
  /** Of those: what is deleted again. */
  readonly theirsDeleted: readonly JsonObject[];
}

/** Types with the richest net of references, for runs that cannot take all. */
const sampleTypes: readonly string[] = [
  ...['AllergyIntolerance', 'Appointment', 'CarePlan', 'CareTeam', 'Communication', 'Condition', 'Coverage'],
  ...['DiagnosticReport', 'DocumentReference', 'Encounter', 'Goal', 'Group', 'Immunization', 'List', 'Location'],
  ...['MedicationRequest', 'Observation', 'Organization', 'Patient', 'Practitioner', 'PractitionerRole', 'Procedure'],
  ...['Questionnaire', 'QuestionnaireResponse', 'RelatedPerson', 'ServiceRequest', 'Task'],
];

/** Types of which the server has rules of its own, or that hold rights. */
const leftOut = new Set(['Bundle', 'AuditEvent', 'Binary', 'Parameters', 'OperationOutcome', 'Subscription']);

/** Members that a sample must have whatever its example says, because the policy speaks of them. */
const demanded = (type: string, id: string): JsonObject => {
  // The second is one that the crawler could only reach by changing it.
  if (type === 'Location') return { status: id === 'ours-location-2' ? 'inactive' : 'active' };
  return type === 'Encounter' ? { status: 'in-progress' } : {};
};

/** The samples of both sides: of the types with the richest references, or of all types. */
export function samplesOfSides(version: FhirVersion, all: boolean): Sides {
  const examples = examplesByType(version, all);
  const types = [...examples.keys()];
  const crawler = new SampleWriter(version, { mark: 'ours', year: '1971' });
  const crawled = new SampleWriter(version, { mark: marks.theirs, year: secretYears.theirs });
  const known = new Set(types);
  const to = (id: (type: string) => string) => (type: string) => (known.has(type) ? `${type}/${id(type)}` : undefined);
  const own = to((type) => `ours-${type.toLowerCase()}-1`);
  const far = to((type) => `far-${type.toLowerCase()}-1`);

  const make = (writer: SampleWriter, account: string, id: (type: string) => string, retarget: typeof own) =>
    types.flatMap((type) => {
      const example = examples.get(type);
      const meta = {
        accounts: [{ reference: account }],
        tag: [{ system: 'http://tags.example', code: writer.word() }],
      };
      const patient = type === 'Patient' ? patientMembers(writer) : {};
      const name = id(type);
      const members = { ...patient, ...demanded(type, name), meta };
      const made = example && writer.rewrite(example, name, retarget, members);
      return made === undefined ? [] : [made];
    });

  const oursMade = [
    ...make(crawler, ours, (type) => `ours-${type.toLowerCase()}-1`, own),
    // Of a patient of ours, and otherwise bound to theirs.
    ...make(
      crawler,
      ours,
      (type) => `ours-${type.toLowerCase()}-2`,
      (type) => (type === 'Patient' ? own : far)(type),
    ),
    // Of a patient of theirs.
    ...make(
      crawler,
      ours,
      (type) => `ours-${type.toLowerCase()}-3`,
      (type) => (type === 'Patient' ? far : own)(type),
    ),
    file('ours-file', `Patient/${contextOf.ours}`, crawler.word(), ours),
    ...valueSetsOf({ name: 'ours', account: ours, word: () => crawler.word() }),
    ...sharedBy(crawler),
  ];
  const theirsMade = [
    ...make(crawled, theirs, (type) => `far-${type.toLowerCase()}-1`, far),
    ...make(crawled, theirs, () => crawled.word(), far),
    // In the chart of a patient of ours, and yet filed elsewhere.
    ...make(crawled, theirs, () => crawled.word(), own),
    file('far-file', `Patient/${contextOf.theirs}`, crawled.word(), theirs),
    ...valueSetsOf({ name: 'far', account: theirs, word: () => crawled.word() }),
  ];
  return {
    ours: oursMade.map((resource) => withHidden(resource, `${marks.hidden}a`, secretYears.hidden)),
    oursOtherwiseHidden: oursMade.map((resource) => withHidden(resource, `${marks.hidden}b`, '1874')),
    theirs: theirsMade,
    theirLaunch: {
      resourceType: 'SmartAppLaunch',
      id: 'far-launch',
      patient: { reference: `Patient/${contextOf.theirs}` },
    },
    theirsDeleted: make(crawled, theirs, () => crawled.word(), own),
  };
}

/** For each type the example with the most to tell of those that can be made a sample. */
function examplesByType(version: FhirVersion, all: boolean): Map<string, JsonObject> {
  const wanted = new Set(sampleTypes);
  const candidates = new Map<string, JsonObject[]>();
  for (const example of officialExamples(version.label)) {
    const { type } = identityOf(example);
    if (leftOut.has(type) || (!all && !wanted.has(type)) || sizeOf(example) > maxSize) continue;
    candidates.set(type, [...(candidates.get(type) ?? []), example]);
  }
  const trial = new SampleWriter(version, { mark: 'trial', year: '1971' });
  const usable = (example: JsonObject) => trial.rewrite(example, 'trial', () => undefined, {}) !== undefined;
  const chosen = [...candidates].map(([type, examples]): [string, JsonObject | undefined] => [
    type,
    examples.sort((one, other) => sizeOf(other) - sizeOf(one)).find(usable),
  ]);
  const found = new Map(chosen.filter((entry): entry is [string, JsonObject] => entry[1] !== undefined));
  const missing = sampleTypes.filter((type) => !found.has(type));
  if (missing.length > maxMissing) throw new Error(`No examples of ${missing.join(', ')} can be made samples.`);
  return found;
}

/** Of a few types some versions have no example that can be made one. */
const maxMissing = 3;

/** A page of them must fit into an answer. */
const maxSize = 6_000;

const sizeOf = (example: JsonObject): number => JSON.stringify(example).length;

const patientMembers = (writer: SampleWriter): JsonObject => ({
  identifier: [{ system: `http://${writer.word()}.example`, value: writer.word() }],
  name: [{ family: writer.word(), given: [writer.word()] }],
  address: [{ city: writer.word(), line: [writer.word()] }],
});

/** A patient whom both organizations treat, and what both see of them. */
export const sharedPatient = 'Patient/ours-shared-patient';
export const sharedObservation = 'Observation/ours-shared-observation';

function sharedBy(writer: SampleWriter): JsonObject[] {
  const made = (address: string, members: JsonObject): JsonObject => {
    const [resourceType, id] = address.split('/');
    const accounts = [ours, theirs].map((reference) => ({ reference }));
    return { resourceType, id, meta: { accounts }, ...members };
  };
  return [
    made(sharedPatient, patientMembers(writer)),
    made(sharedObservation, {
      status: 'final',
      code: { text: writer.word() },
      subject: { reference: sharedPatient },
    }),
  ];
}

const file = (id: string, context: string, content: string, account: string): JsonObject => ({
  resourceType: 'Binary',
  id,
  meta: { accounts: [{ reference: account }] },
  contentType: 'text/plain',
  securityContext: { reference: context },
  data: Buffer.from(content).toString('base64'),
});

/** Patients with secrets in the fields that the policy hides. */
function withHidden(resource: JsonObject, mark: string, year: string): JsonObject {
  if (resource['resourceType'] !== 'Patient') return resource;
  const secrets: Record<(typeof hiddenPatientFields)[number], unknown> = {
    birthDate: `${year}-05-06`,
    telecom: [{ system: 'email', value: `${mark}01@${mark}02.example` }],
    maritalStatus: { coding: [{ system: `http://${mark}03.example`, code: `${mark}04` }], text: `${mark}05` },
    'contact.name': undefined,
  };
  const { 'contact.name': _nested, ...members } = secrets;
  const contact = [{ gender: 'female', name: { family: `${mark}06`, given: [`${mark}07`] } }];
  // A file of their own, and for the others one that is shown to nobody of theirs, whoever names it.
  const url = resource['id'] === contextOf.ours ? 'Binary/ours-file' : 'Binary/far-file';
  return { ...resource, ...(members as JsonObject), contact, photo: [{ contentType: 'text/plain', url }] };
}
