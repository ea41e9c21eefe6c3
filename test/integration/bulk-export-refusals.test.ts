/** Which requests for a bulk export are refused at once. */
import { ExportClient, policy } from './bulk-export.fixture.js';
import { later } from './jobs.fixture.js';

let client: ExportClient;
beforeAll(async () => {
  client = await ExportClient.open();
});
afterAll(() => client?.close());

// A member may have only so many.
afterEach(() => client.forgetJobs());

describe('what is wrong with an export', () => {
  test.each([
    ['$export?_type=Nothing', 400],
    ['$export?_type=Binary', 400],
    ['$export?_type=Login', 403],
    ['$export?_outputFormat=text/csv', 400],
    ['$export?_since=yesterday', 400],
    ['$export?_until=', 400],
    ['$export?_type=,', 400],
    ['Patient/$export?patient=', 400],
    ['$export?_typeFilter=Patient?name=', 400],
    ['$export?_typeFilter=Nothing?x=y', 400],
    ['$export?_typeFilter=Patient?nothing=1', 400],
    ['$export?_typeFilter=Patient?_count=1', 400],
    ['$export?_typeFilter=Patient?_include=Patient:organization', 400],
    ['$export?_type=Observation&_typeFilter=Patient?active=true', 400],
    ['$export?_elements=id', 400],
    ['$export?patient=Patient/ana', 400],
    ['Patient/$export?_type=Organization', 400],
    ['Patient/$export?patient=Practitioner/kim', 400],
    ['Patient/ana/$export', 404],
    ['Observation/$export', 404],
    ['Group/$export', 404],
    ['$export?_outputFormat=application/fhir+ndjson&_type=Patient', 202],
  ])('%s is answered %i at once', async (address, status) => {
    const answer = await client.send('POST', address, undefined, later);
    expect([answer.status, answer.json.resourceType]).toEqual([status, 'OperationOutcome']);
    if (status === 202) await client.ended(client.pathOf(String(answer.headers['content-location'])));
  });

  test('is a parameter in a form that its definition does not have', async () => {
    for (const [level, parameter] of [
      ['$export', { name: '_type', valueCoding: { code: 'Patient' } }],
      ['$export', { name: '_since', valuePeriod: { start: '2026-01-01' } }],
      ['$export', { name: '_typeFilter', valueExpression: { expression: 'Patient?active=true' } }],
      ['Patient/$export', { name: 'patient', valueString: 'Patient/ana' }],
    ] as const) {
      const body = { resourceType: 'Parameters', parameter: [parameter] };
      const prefer = 'respond-async, handling=lenient';
      const { status, json } = await client.send('POST', level, body, { prefer });
      const issue = { expression: [parameter.name] };
      expect([status, json.issue[0]]).toMatchObject([400, issue]);
    }
  });

  test('is more than one search may ask for, in all its filters together', async () => {
    const ask = (filters: readonly string[], headers: Record<string, string> = {}, types = 'Patient,Organization') => {
      const parameter = filters.map((valueString) => ({ name: '_typeFilter', valueString }));
      const body = { resourceType: 'Parameters', parameter };
      return client.send('POST', `$export?_type=${types}`, body, { ...later, ...headers });
    };
    const before = (await client.jobs()).length;
    for (const filters of [
      Array.from({ length: 280_000 }, (_, index) => `Patient?name=a${index}`),
      Array.from({ length: 101 }, () => 'Patient?active=true'),
      Array.from({ length: 51 }, () => 'Patient?organization.name=a'),
    ]) {
      const { status, json } = await ask(filters);
      expect([status, json.issue[0]]).toMatchObject([400, { code: 'too-costly' }]);
    }
    // Each link to a Patient brings the criteria of all rules along.
    const rules = Array.from({ length: 120 }, (_, index) => ({
      resourceType: 'Patient',
      criteria: `Patient?birthdate=gt${1900 + index}`,
    }));
    const member = await client.member({ resource: [{ resourceType: 'Observation' }, ...rules] });
    const links = Array.from({ length: 50 }, () => 'Observation?subject:Patient.name=a');
    const { status, json } = await ask(links, member, 'Observation');
    expect([status, json.issue[0]]).toMatchObject([400, { code: 'too-costly' }]);
    // Whoever may not have a type is told so before the filters are looked at.
    expect((await ask(links, member, 'Observation,Practitioner')).status).toBe(403);
    expect(await client.jobs()).toHaveLength(before);
  });

  test('is a request for its headers alone, which begins nothing', async () => {
    const before = (await client.jobs()).length;
    for (const address of ['$export', 'Patient/$export', 'Group/any/$export']) {
      const { status, headers } = await client.send('HEAD', address, undefined, later);
      expect([status, headers.allow]).toEqual([405, 'GET, POST']);
    }
    expect((await client.send('HEAD', 'Observation/$export', undefined, later)).status).toBe(404);
    expect(await client.jobs()).toHaveLength(before);
  });

  test('is that the wish for a later answer stands in something else', async () => {
    const quoted = { prefer: 'foo="a, respond-async, b"' };
    expect((await client.send('POST', '$export?_type=Patient', undefined, quoted)).status).toBe(400);
  });

  test('is left out where the client says so', async () => {
    const headers = { prefer: 'respond-async, handling=lenient' };
    const answer = await client.send('POST', '$export?_elements=id&_type=Patient', undefined, headers);
    expect(answer.status).toBe(202);
  });

  test('is that nobody said it may be answered later', async () => {
    const answers = [await client.get('$export'), await client.send('POST', 'Patient/$export')];
    for (const { status, text } of answers) {
      expect(status).toBe(400);
      expect(text).toContain('Prefer: respond-async');
    }
  });

  test('is a type that the caller may not see, or a question about what is hidden', async () => {
    const member = await client.member(policy);
    const ask = async (query: string) =>
      (await client.send('POST', `$export?${query}`, undefined, { ...later, ...member })).status;
    expect(await ask('_type=Practitioner')).toBe(403);
    expect(await ask('_type=Patient&_typeFilter=Patient?birthdate=1970')).toBe(403);
  });
});
