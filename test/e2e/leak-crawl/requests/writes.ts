/** Writes: on what the other side has, on conditions that only it satisfies, and out of the crawler's own reach. */
import type { JsonObject } from '#fhir';
import { identityOf } from '../../../conformance/identity.js';
import { marks } from '../canaries.js';
import type { Probe } from '../probe.js';
import { theirs as theirOrganization } from '../samples-of-sides.js';
import type { Declared } from './declared.js';

const write = (
  family: string,
  method: string,
  path: string,
  body: object | undefined,
  more: Partial<Probe> = {},
): Probe => ({
  family,
  method,
  path: `fhir/R4/${path}`,
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  ...more,
});

const refused = { expect: [403] } as const;
const jsonPatch = { 'content-type': 'application/json-patch+json' };

/** PUT, PATCH and DELETE on each resource of the other side, alone and in Bundles. */
export function writesOnTheirs({ theirs, random }: Declared): Probe[] {
  return theirs.flatMap((resource) => {
    const { type, address } = identityOf(resource);
    if (type === 'Binary') return [];
    const moved = { ...resource, meta: { accounts: [{ reference: 'Organization/ours-organization-1' }] } };
    const patch = [{ op: 'add', path: '/language', value: 'en' }];
    const test = [{ op: 'test', path: '/id', value: address.split('/')[1] }];
    const entry = random.pick([
      { request: { method: 'DELETE', url: address } },
      { request: { method: 'PUT', url: address }, resource: moved },
      { request: { method: 'GET', url: address } },
      { request: { method: 'GET', url: `${address}/_history` } },
    ]);
    return [
      write('update', 'PUT', address, moved, refused),
      write('patch', 'PATCH', address, patch, { ...refused, headers: jsonPatch }),
      write('patch', 'PATCH', address, test, { ...refused, headers: jsonPatch }),
      write('delete', 'DELETE', address, undefined, refused),
      write('delete', 'DELETE', address, undefined, { ...refused, headers: { 'if-match': 'W/"1"' } }),
      bundle('batch', [entry], { namesTheirs: true }),
      bundle('transaction', [entry], refused),
    ];
  });
}

const bundle = (type: 'batch' | 'transaction', entry: readonly object[], more: Partial<Probe> = {}): Probe => ({
  family: 'bundle',
  path: 'fhir/R4',
  method: 'POST',
  body: JSON.stringify({ resourceType: 'Bundle', type, entry }),
  ...more,
});

/** A resource as small as can be, of the types that conditions are tried on. */
const small: Readonly<Record<string, JsonObject>> = {
  Patient: { resourceType: 'Patient', active: true },
  Observation: { resourceType: 'Observation', status: 'final', code: { text: 'probe' } },
  Appointment: {
    resourceType: 'Appointment',
    status: 'proposed',
    participant: [{ status: 'accepted', actor: { display: 'x' } }],
  },
  Practitioner: { resourceType: 'Practitioner', active: true },
  RelatedPerson: { resourceType: 'RelatedPerson', patient: { reference: 'Patient/ours-patient-1' } },
  ServiceRequest: {
    ...{ resourceType: 'ServiceRequest', status: 'draft', intent: 'plan' },
    subject: { reference: 'Patient/ours-patient-1' },
  },
};

/** Conditional interactions whose conditions only the other side satisfies: as if nothing did. */
export function conditionalWrites(declared: Declared): Probe[] {
  return Object.entries(small).flatMap(([type, resource]) => {
    // Only by what is the other side's alone: a status is everybody's.
    const criteria = ['identifier', '_id', '_tag'].flatMap((code) =>
      declared.criteria(type, code, 2).filter((criterion) => !criterion.includes(':')),
    );
    return criteria.flatMap((criterion) => [
      write('conditional', 'POST', type, resource, { headers: { 'if-none-exist': criterion } }),
      write('conditional', 'PUT', `${type}?${criterion}`, resource),
      write('conditional', 'PATCH', `${type}?${criterion}`, [{ op: 'test', path: '/id', value: 'x' }], {
        headers: jsonPatch,
      }),
      write('conditional', 'DELETE', `${type}?${criterion}`, undefined),
      bundle('transaction', [
        {
          request: { method: 'POST', url: 'Observation' },
          resource: { ...small['Observation'], subject: { reference: `${type}?${criterion}` } },
        },
      ]),
      bundle('batch', [{ request: { method: 'GET', url: `${type}?${criterion}&_total=accurate` } }]),
      bundle('batch', [{ request: { method: 'DELETE', url: `${type}?${criterion}` } }]),
    ]);
  });
}

/** What would take a resource of the crawler out of reach, into a chart of the other side, or under its account. */
export function writesOutOfReach({ ours }: Declared): Probe[] {
  const find = (address: string) => ours.find((resource) => identityOf(resource).address === address) ?? {};
  const location = find('Location/ours-location-1');
  const observation = { ...small['Observation'], subject: { reference: 'Patient/far-patient-1' } };
  const filed = { accounts: [{ reference: theirOrganization }], account: { reference: theirOrganization } };
  const forged = { ...filed, project: 'other', compartment: filed.accounts, author: { reference: 'Practitioner/x' } };
  const forbidden = { expect: [403] };
  const leaving = { op: 'replace', path: '/status', value: 'inactive' };
  const unreached = find('Location/ours-location-2');
  return [
    write('before', 'PUT', 'Location/ours-location-2', { ...unreached, status: 'active' }, forbidden),
    write('before', 'PATCH', 'Location/ours-location-2', [{ ...leaving, value: 'active' }], {
      ...forbidden,
      headers: jsonPatch,
    }),
    write('after', 'PUT', 'Location/ours-location-1', { ...location, status: 'inactive' }, forbidden),
    write('after', 'PATCH', 'Location/ours-location-1', [leaving], { ...forbidden, headers: jsonPatch }),
    write('after', 'POST', 'Location', { resourceType: 'Location', status: 'inactive' }, forbidden),
    write('after', 'PUT', 'Location?_id=ours-location-1', { ...location, status: 'inactive' }, forbidden),
    bundle(
      'transaction',
      [{ request: { method: 'PUT', url: 'Location/ours-location-1' }, resource: { ...location, status: 'inactive' } }],
      forbidden,
    ),
    write('constraint', 'PATCH', 'Task/ours-task-1', [{ ...leaving, value: 'entered-in-error' }], {
      ...forbidden,
      headers: jsonPatch,
    }),
    write('chart', 'POST', 'Observation', observation, forbidden),
    write(
      'chart',
      'PUT',
      'Observation/ours-observation-1',
      { ...find('Observation/ours-observation-1'), ...observation },
      forbidden,
    ),
    bundle('transaction', [{ request: { method: 'POST', url: 'Observation' }, resource: observation }], forbidden),
    // Filed under what the policy says, whatever the text says; the crawl looks for what has come to the other side.
    write('accounts', 'POST', 'Observation', { ...small['Observation'], meta: forged }, { expect: [201] }),
    write('accounts', 'POST', 'Patient', { ...small['Patient'], meta: forged }, { expect: [201] }),
    write('accounts', 'POST', `Observation?_account=${theirOrganization}`, small['Observation'], {
      expect: [201, 400, 403],
    }),
    write('accounts', 'PUT', 'Observation/ours-observation-2', {
      ...find('Observation/ours-observation-2'),
      meta: forged,
    }),
    // Written without being seen again.
    write('blind', 'POST', 'Communication', { resourceType: 'Communication', status: 'completed' }, { expect: [201] }),
  ];
}

const hiddenPaths = ['/birthDate', '/telecom', '/telecom/0', '/telecom/0/value', '/maritalStatus', '/contact/0/name'];

/** What would tell of the fields that are hidden of the crawler's own patients. */
export function hiddenFieldProbes({ ours, types }: Declared): Probe[] {
  const forbidden = { expect: [403] };
  const search = (query: string, more: Partial<Probe> = forbidden): Probe => ({
    family: 'hidden',
    path: `fhir/R4/${query}`,
    ...more,
  });
  const codes = ['birthdate', 'email', 'phone', 'telecom'];
  const patient = ours.find((resource) => identityOf(resource).address === 'Patient/ours-patient-1') ?? {};
  const { telecom: _telecom, birthDate: _birthDate, ...seen } = patient;
  const known = new Set(types.map(({ type }) => type));
  const value: Readonly<Record<string, string>> = {
    birthdate: 'gt1872-01-01',
    email: `${marks.hidden}a01`,
    phone: 'x',
    telecom: 'x',
  };
  return [
    ...codes.flatMap((code) => [
      search(`Patient?${code}=${value[code]}`),
      search(`Patient?${code}:missing=false&_summary=count`),
      search(`Patient?_sort=${code}`),
      search(`Patient?_sort=-${code}&_count=1`),
      search(`Patient?_filter=${encodeURIComponent(`${code} pr true`)}`),
      search(`?_type=Patient&${code}=${value[code]}`),
      search(`Observation?subject:Patient.${code}=${value[code]}`),
      search(`Observation?patient.${code}=${value[code]}`),
      ...(known.has('Organization')
        ? [search(`Practitioner?_has:Patient:general-practitioner:${code}=${value[code]}`)]
        : []),
      write('hidden', 'DELETE', `Patient?${code}=${value[code]}`, undefined, forbidden),
      write('hidden', 'POST', 'Patient', small['Patient'], {
        ...forbidden,
        headers: { 'if-none-exist': `${code}=${value[code]}` },
      }),
    ]),
    search(`Patient?_content=${marks.hidden}a01`),
    search('Patient?_elements=birthDate,telecom,maritalStatus,contact', {}),
    search('Patient?_summary=data', {}),
    search('Observation?_include=Observation:subject', {}),
    search('Patient/ours-patient-1', {}),
    search('Patient/ours-patient-1/_history', {}),
    search('Patient/ours-patient-1/$everything', {}),
    ...hiddenPaths.flatMap((path) =>
      [
        [{ op: 'test', path, value: 'x' }],
        [{ op: 'copy', from: path, path: '/language' }],
        [{ op: 'move', from: path, path: '/language' }],
        [{ op: 'remove', path }],
        [{ op: 'copy', from: path, path: '/implicitRules' }],
      ].map((patch) => write('hidden', 'PATCH', 'Patient/ours-patient-1', patch, { headers: jsonPatch })),
    ),
    write('hidden', 'PATCH', 'Patient/ours-patient-1', [{ op: 'add', path: '/active', value: false }], {
      headers: jsonPatch,
    }),
    write('hidden', 'PUT', 'Patient/ours-patient-1', { ...seen, language: 'en' }),
    bundle('batch', [{ request: { method: 'GET', url: 'Patient/ours-patient-1' } }]),
    bundle('transaction', [
      { request: { method: 'PUT', url: 'Patient/ours-patient-1' }, resource: { ...seen, language: 'de' } },
      { request: { method: 'GET', url: 'Patient/ours-patient-1' } },
    ]),
    {
      family: 'hidden',
      path: 'fhir/R4/$graphql',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        query:
          '{ Patient(id: "ours-patient-1") { birthDate telecom { value } maritalStatus { text } contact { name { family } } } PatientList(birthdate: "gt1900") { id } }',
      }),
    },
  ];
}
