/**
 * Rows of the audit as AuditEvents (https://hl7.org/fhir/R4/auditevent.html, https://hl7.org/fhir/R5/auditevent.html).
 * What differs between FHIR versions is asked of the version: under which names the members stand, and whether a code is a
 * Coding or a CodeableConcept there.
 */
import { isJsonObject, type FhirVersion, type JsonObject, type JsonValue } from '#fhir';
import type { JudgedResource } from '#access-policy';
import type { Caller } from '../caller.js';
import { isFhirId, type StoredVersion } from '../stored-version.js';
import { auditEventId } from './audit-id.js';
import { loginEvent, restInteraction } from './audit-interaction.js';

/** A row of `audit_event`; `recorded` is an instant as it stands in bodies. */
export interface AuditRow {
  readonly writer: string;
  readonly id: string;
  readonly recorded: string;
  readonly action: string;
  readonly outcome: number;
  readonly agent: string;
  readonly membership: string | null;
  readonly on_behalf_of: string | null;
  readonly policy: string | null;
  readonly entity: string;
  readonly subjects: string | null;
  readonly detail: string | null;
  readonly request_id: string | null;
}

/** One event of a row: the row with one line of its subjects. */
export interface AuditEventSource {
  readonly row: AuditRow;
  readonly part: number;
  readonly patient: string | undefined;
  /** The patient and the accounts of the data. */
  readonly compartment: readonly string[];
}

/** The events of a row: one for each patient whose data it is about, in order; one when there is none. */
export function eventsOf(row: AuditRow): AuditEventSource[] {
  return (row.subjects ?? '').split('\n').map((line, part) => {
    const compartment = line === '' ? [] : line.split(' ');
    return { row, part, patient: compartment.find((reference) => reference.startsWith('Patient/')), compartment };
  });
}

const systems = {
  dicom: 'http://dicom.nema.org/resources/ontology/DCM',
  eventType: 'http://terminology.hl7.org/CodeSystem/audit-event-type',
  interaction: 'http://hl7.org/fhir/restful-interaction',
  objectRole: 'http://terminology.hl7.org/CodeSystem/object-role',
  outcome: 'http://terminology.hl7.org/CodeSystem/audit-event-outcome',
  sourceType: 'http://terminology.hl7.org/CodeSystem/security-source-type',
} as const;

const roles = {
  patient: { system: systems.objectRole, code: '1', display: 'Patient' },
  resource: { system: systems.objectRole, code: '4', display: 'Domain Resource' },
  user: { system: systems.objectRole, code: '11', display: 'Security User Entity' },
  query: { system: systems.objectRole, code: '24', display: 'Query' },
} as const;

const outcomeDisplays: Readonly<Record<number, string>> = { 0: 'Success', 4: 'Minor failure', 8: 'Serious failure' };

/** The resource as policies and criteria judge it: with its compartment, which stands in extended mode alone. */
export function judgedAuditEvent(version: FhirVersion, projectId: string, source: AuditEventSource): JudgedResource {
  const value = auditEvent(version, projectId, source);
  const meta = isJsonObject(value.meta) ? value.meta : {};
  const compartment = source.compartment.map((reference) => ({ reference }));
  return { type: 'AuditEvent', value: { ...value, meta: { ...meta, project: projectId, compartment } } };
}

/**
 * Whether the caller may see some AuditEvents and not others. A query may name those whom they may not know of, so they
 * are told only where somebody searched.
 */
export const seesSome = ({ policy }: Pick<Caller, 'policy'>, interaction: 'read' | 'search'): boolean =>
  (policy.limits(interaction, 'AuditEvent') ?? []).length > 0;

/**
 * The event as the store gives out what it has stored: its first version, and there is no other. `isLimited`: for somebody
 * who sees only some events.
 */
export function auditEventVersion(
  version: FhirVersion,
  projectId: string,
  event: AuditEventSource,
  isLimited: boolean,
): StoredVersion {
  const source = isLimited ? { ...event, row: { ...event.row, entity: withoutQuery(event.row.entity) } } : event;
  const { row, part, compartment } = source;
  const extended = {
    project: projectId,
    ...(compartment.length === 0 ? {} : { compartment: compartment.map((reference) => ({ reference })) }),
  };
  return {
    type: 'AuditEvent',
    id: auditEventId({ writer: row.writer, id: row.id, part }),
    versionId: '1',
    lastUpdated: row.recorded,
    deleted: false,
    body: JSON.stringify(auditEvent(version, projectId, source)),
    extendedMeta: JSON.stringify(extended).slice(1, -1),
  };
}

/** What an entry is about, without the query of a search. */
export const withoutQuery = (entity: string): string => entity.split('?', 1)[0] ?? '';

function auditEvent(version: FhirVersion, projectId: string, { row, part, patient }: AuditEventSource): JsonObject {
  const form = formOf(version);
  const login = loginEvent(row.action, row.entity);
  const interaction = restInteraction(row.action, row.entity);
  const type = login
    ? { system: systems.dicom, code: '110114', display: 'User Authentication' }
    : { system: systems.eventType, code: 'rest', display: 'RESTful Operation' };
  const subtype = login
    ? { system: systems.dicom, ...login }
    : { system: systems.interaction, code: interaction, display: interaction };
  return {
    resourceType: 'AuditEvent',
    id: auditEventId({ writer: row.writer, id: row.id, part }),
    meta: { versionId: '1', lastUpdated: row.recorded },
    ...form.coded('AuditEvent', ['type', 'category'], type),
    ...form.coded('AuditEvent', ['subtype', 'code'], subtype),
    action: row.action,
    recorded: row.recorded,
    ...outcomeOf(form, row),
    ...(patient !== undefined && form.has('AuditEvent', 'patient') ? { patient: { reference: patient } } : {}),
    agent: agentsOf(version, row),
    source: {
      observer: { identifier: { system: 'urn:ietf:rfc:3986', value: `urn:uuid:${projectId}` }, display: 'Boxyard' },
      ...form.coded('AuditEvent.source', ['type'], {
        system: systems.sourceType,
        code: '4',
        display: 'Application Server',
      }),
    },
    entity: entitiesOf(version, form, row, patient),
  };
}

function outcomeOf(form: VersionForm, { outcome, detail }: AuditRow): JsonObject {
  const code = { system: systems.outcome, code: String(outcome), display: outcomeDisplays[outcome] ?? 'Failure' };
  if (!form.has('AuditEvent.outcome', 'code')) {
    return { outcome: code.code, ...(detail === null ? {} : { outcomeDesc: shownText(detail) }) };
  }
  return { outcome: { code, ...(detail === null ? {} : { detail: [{ text: shownText(detail) }] }) } };
}

/** Policies are named as the policy itself names them; one that is made of no AccessPolicies is told with the entity. */
const policyReference = /AccessPolicy\/[A-Za-z0-9\-.]{1,64}/g;

function agentsOf(version: FhirVersion, row: AuditRow): JsonValue {
  const policy = row.policy?.match(policyReference);
  const agent = { who: who(version, row.agent), requestor: true, ...(policy ? { policy: [...policy] } : {}) };
  if (row.on_behalf_of === null) return [agent];
  const other = { type: { text: 'on behalf of' }, who: who(version, row.on_behalf_of), requestor: false };
  return [agent, other];
}

const who = (version: FhirVersion, text: string): JsonObject =>
  isReference(version, text) ? { reference: text } : { display: shownText(text) };

function entitiesOf(version: FhirVersion, form: VersionForm, row: AuditRow, patient: string | undefined): JsonObject[] {
  const role = (coding: JsonObject) => form.coded('AuditEvent.entity', ['role'], coding);
  const [unversioned = ''] = row.entity.split('/_history');
  const isOne = isReference(version, unversioned);
  const what = isOne ? { reference: referenceTo(row.entity, unversioned) } : { display: shownText(row.entity) };
  const isPatient = isOne && unversioned === patient;
  const details = [
    ...(row.policy === null ? [] : [['policy', row.policy] as const]),
    ...(row.request_id === null || row.request_id === '' ? [] : [['request', row.request_id] as const]),
  ];
  const entities: JsonObject[] = [
    {
      what,
      ...role(isPatient ? roles.patient : isOne ? roles.resource : roles.query),
      ...(row.entity.includes('?') ? { query: Buffer.from(row.entity).toString('base64') } : {}),
      ...(details.length === 0 ? {} : { detail: details.map(([name, value]) => form.detail(name, shownText(value))) }),
    },
  ];
  if (patient !== undefined && !isPatient) entities.push({ what: { reference: patient }, ...role(roles.patient) });
  if (row.membership !== null) entities.push({ what: { reference: row.membership }, ...role(roles.user) });
  return entities;
}

/** The version that was read or written; the history of a resource is about the resource. */
const referenceTo = (entity: string, unversioned: string): string =>
  /\/_history\/[1-9][0-9]{0,17}$/.test(entity) ? entity : unversioned;

function isReference(version: FhirVersion, text: string): boolean {
  const [type = '', id = '', ...rest] = text.split('/');
  return rest.length === 0 && version.isResourceType(type) && isFhirId(id);
}

/** A client may have sent characters that no string of FHIR may have, or nothing: a search of the whole project. */
function shownText(text: string): string {
  const shown = text.replace(/\p{Cc}/gu, (control) => (/\s/.test(control) ? control : '\ufffd')).trim();
  return shown === '' ? 'the whole project' : shown;
}

/** How a version puts things. */
interface VersionForm {
  has(owner: string, member: string): boolean;
  /** The code under the first of these names that the version has, in the form that it has there. */
  coded(owner: string, names: readonly string[], coding: JsonObject): JsonObject;
  detail(name: string, value: string): JsonObject;
}

const forms = new WeakMap<FhirVersion, VersionForm>();

function formOf(version: FhirVersion): VersionForm {
  let form = forms.get(version);
  if (form === undefined) forms.set(version, (form = makeForm(version)));
  return form;
}

function makeForm(version: FhirVersion): VersionForm {
  const owners = [
    'AuditEvent',
    'AuditEvent.outcome',
    'AuditEvent.source',
    'AuditEvent.entity',
    'AuditEvent.entity.detail',
  ];
  const elements = new Map(
    owners.flatMap((owner) =>
      (version.structure(owner) ?? []).map((element) => [`${owner}.${element.name}`, element] as const),
    ),
  );
  const element = (owner: string, name: string) => elements.get(`${owner}.${name}`);
  const isText = element('AuditEvent.entity.detail', 'type')?.type === 'string';
  return {
    has: (owner, member) => element(owner, member) !== undefined,
    coded: (owner, names, coding) => {
      for (const name of names) {
        const found = element(owner, name);
        if (found === undefined) continue;
        const value = found.type === 'CodeableConcept' ? { coding: [coding] } : coding;
        return { [name]: found.isArray ? [value] : value };
      }
      return {};
    },
    detail: (name, value) => ({ type: isText ? name : { text: name }, valueString: value }),
  };
}
