/** Searching the audit for deletions, on both schemas that this release serves. */
import { parseSearch } from '#fhir-search';
import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import { aPatient, aTenant, baseUrl, type TestTenant } from './store.fixture.js';

/** More than one search looks at. */
const readings = 20_500;

describe.each([TENANT_SCHEMA_VERSION - 1, TENANT_SCHEMA_VERSION])('on schema %i', (schemaVersion) => {
  let t: TestTenant;
  let deleted: string;

  beforeAll(async () => {
    t = await aTenant('R4', schemaVersion);
    const repository = await t.repository();
    const { version } = await repository.create(aPatient());
    deleted = version.id;
    await repository.delete('Patient', deleted);
  });

  afterAll(() => t.close());

  const search = async (query: string) => {
    const request = parseSearch(t.tenant.version, 'AuditEvent', query, {
      handling: 'strict',
      now: new Date(),
      ownBaseUrls: [baseUrl],
    });
    const { hits, total } = await (await t.repository()).search(request);
    return { total, entities: hits.map(({ body }) => /"what":\{"reference":"([^"]*)"/.exec(body)?.[1]) };
  };

  test('finds what was deleted, and nothing else', async () => {
    const entities = [expect.stringMatching(`^Patient/${deleted}/_history/`)];
    expect(await search('action=D&_total=accurate')).toEqual({ total: 1, entities });
    expect(await search(`action=D&entity=Patient/${deleted}`)).toMatchObject({ entities });
    expect((await search('action=D,C&_sort=date')).entities).toHaveLength(2);
    expect(await search('action=D&outcome=8')).toMatchObject({ entities: [] });
  });

  test(`answers ${schemaVersion < 2 ? 'too-costly' : 'as well'} behind more events than one search looks at`, async () => {
    await t.rows(
      `INSERT INTO audit_event (recorded, action, outcome, agent, entity)
       SELECT clock_timestamp() + make_interval(secs => n), 'R', 0, 'Practitioner/1', 'Patient' FROM generate_series(1, $1) AS n`,
      readings,
    );
    const answer = search('action=D&_sort=-date');
    if (schemaVersion < 2) await expect(answer).rejects.toMatchObject({ issues: [{ code: 'too-costly' }] });
    else expect((await answer).entities).toHaveLength(1);
  });
});
