/** Bulk exports of the charts of all patients, of the members of a group, and of chosen patients. */
import { ExportClient, identities, policy } from './bulk-export.fixture.js';
import { later } from './jobs.fixture.js';

let client: ExportClient;
beforeAll(async () => {
  client = await ExportClient.open();
});
afterAll(() => client?.close());

// A member may have only so many.
afterEach(() => client.forgetJobs());

describe('an export of charts', () => {
  const group = {
    resourceType: 'Group',
    id: 'ours',
    type: 'person',
    actual: true,
    member: [
      { entity: { reference: 'Patient/ana' } },
      { entity: { reference: 'Patient/far-patient' } },
      { entity: { reference: 'Patient/ben' }, inactive: true },
      { entity: { reference: 'Practitioner/kim' } },
    ],
  };

  test('of all patients has what belongs to any, and nothing else', async () => {
    const lines = await client.linesOf(await client.exported('Patient/$export'));
    expect(identities(lines)).toEqual(
      ['ana', 'ben', 'far-patient']
        .map((id) => `Patient/${id}`)
        .concat(['of-ana', 'of-ben', 'of-both', 'far-observation'].map((id) => `Observation/${id}`))
        .sort(),
    );
  });

  test('of a group has the charts of its members, as far as the caller may see them', async () => {
    const id = await client.put(group);
    const all = await client.linesOf(await client.exported(`Group/${id}/$export`));
    // By FHIR's own definition a group is in the compartments of its members.
    expect(identities(all)).toEqual([
      'Group/ours',
      'Observation/far-observation',
      'Observation/of-ana',
      'Observation/of-both',
      'Patient/ana',
      'Patient/far-patient',
    ]);
    const member = await client.member(policy);
    const seen = await client.linesOf(await client.exported(`Group/${id}/$export`, member), member);
    expect(identities(seen)).toEqual(['Group/ours', 'Observation/of-ana', 'Observation/of-both', 'Patient/ana']);
    const typed = await client.linesOf(await client.exported(`Group/${id}/$export?_type=Patient`, member), member);
    expect(identities(typed)).toEqual(['Patient/ana']);
  });

  test('of a group with many members is what one of few would be', async () => {
    const unknown = Array.from({ length: 150 }, (_, index) => ({ entity: { reference: `Patient/unknown-${index}` } }));
    const id = await client.put({
      ...group,
      id: 'many',
      member: [...unknown, { entity: { reference: 'Patient/ben' } }],
    });
    const expected = ['Group/many', 'Group/ours', 'Observation/of-ben', 'Observation/of-both', 'Patient/ben'];
    expect(identities(await client.linesOf(await client.exported(`Group/${id}/$export`)))).toEqual(expected);
    const member = await client.member(policy);
    const seen = await client.linesOf(await client.exported(`Group/${id}/$export`, member), member);
    expect(identities(seen)).toEqual(expected);
    await client.send('DELETE', 'Group/many');
  });

  test('does not tell whose something is to whom that is hidden', async () => {
    const blind = await client.member({
      resource: [{ resourceType: 'Patient' }, { resourceType: 'Observation', hiddenFields: ['subject'] }],
    });
    const lines = await client.linesOf(await client.exported('Patient/$export', blind), blind);
    expect(identities(lines)).toEqual(['Patient/ana', 'Patient/ben', 'Patient/far-patient']);
    const parameters = {
      resourceType: 'Parameters',
      parameter: [{ name: 'patient', valueReference: { reference: 'Patient/ana' } }],
    };
    const chosen = await client.linesOf(await client.exported('Patient/$export', blind, parameters), blind);
    expect(identities(chosen)).toEqual(['Patient/ana']);
  });

  test('of a group of nobody is empty', async () => {
    const id = await client.put({ ...group, id: 'nobody', member: [{ entity: { reference: 'Practitioner/kim' } }] });
    expect((await client.exported(`Group/${id}/$export`)).output).toEqual([]);
  });

  test('is of chosen patients when they are named', async () => {
    const parameters = (...ids: string[]) => ({
      resourceType: 'Parameters',
      parameter: ids.map((id) => ({ name: 'patient', valueReference: { reference: `Patient/${id}` } })),
    });
    const ben = await client.linesOf(await client.exported('Patient/$export', {}, parameters('ben')));
    expect(identities(ben)).toEqual(['Group/ours', 'Observation/of-ben', 'Observation/of-both', 'Patient/ben']);
    const both = await client.linesOf(await client.exported('Patient/$export', {}, parameters('ben', 'ana')));
    expect(identities(both)).toEqual([
      'Group/ours',
      'Observation/of-ana',
      'Observation/of-ben',
      'Observation/of-both',
      'Patient/ana',
      'Patient/ben',
    ]);
    const member = await client.member(policy);
    const statuses = await Promise.all(
      ['far-patient', 'nobody'].map(async (id) => {
        const answer = await client.send('POST', 'Patient/$export', parameters(id), { ...later, ...member });
        return answer.status;
      }),
    );
    expect(statuses).toEqual([403, 404]);
  });

  test('is only of groups that are there', async () => {
    expect((await client.send('POST', 'Group/none/$export', undefined, later)).status).toBe(404);
    const blind = await client.member({ resource: [{ resourceType: 'Patient' }] });
    const id = await client.put(group);
    expect((await client.send('POST', `Group/${id}/$export`, undefined, { ...later, ...blind })).status).toBe(403);
  });
});
