import { jsonPatch, OutcomeError } from '#fhir';
import { parseSearch } from '#fhir-search';
import { historyRequest, type ResourceRepository } from '#fhir-store';
import { compiledSql } from '#postgres';
import { aPatient, aTenant, baseUrl, parse, type TestTenant } from './store.fixture.js';

const parallel = 20;

let t: TestTenant;
let repository: ResourceRepository;
beforeAll(async () => {
  t = await aTenant();
  repository = await t.repository();
});
afterAll(() => t.close());

const together = <T>(work: (n: number) => Promise<T>) => Array.from({ length: parallel }, (_, n) => work(n));
/** What each got: `done`, or the category of its error. */
const outcomes = async (work: Promise<unknown>[]): Promise<string[]> =>
  (await Promise.allSettled(work)).map((result) => {
    if (result.status === 'fulfilled') return 'done';
    if (result.reason instanceof OutcomeError) return result.reason.category;
    throw result.reason;
  });
const find = async (type: string, query: string) =>
  (await repository.search(parseSearch(t.tenant.version, type, query, { handling: 'strict' }))).hits;
const rowCounts = () =>
  t.rows(
    `SELECT (SELECT count(*) FROM resource) AS resources, (SELECT count(*) FROM resource_history) AS history,
            (SELECT count(*) FROM resource_reference) AS links, (SELECT count(*) FROM audit_event) AS audit`,
  );

describe('parallel writers', () => {
  test('of one version by If-Match: one wins each round', async () => {
    let { version } = await repository.create(aPatient());
    for (let round = 1; round <= 5; round++) {
      const { id, versionId } = version;
      const found = await outcomes(
        together((n) =>
          repository.update('Patient', id, aPatient({ id, multipleBirthInteger: round * 100 + n }), {
            ifMatch: `W/"${versionId}"`,
          }),
        ),
      );
      expect(found.filter((outcome) => outcome === 'done')).toHaveLength(1);
      expect(found.filter((outcome) => outcome === 'precondition-failed')).toHaveLength(parallel - 1);
      version = await repository.read('Patient', id);
      expect((await repository.history(historyRequest({ type: 'Patient', id }, ''))).total).toBe(round + 1);
    }
  });

  test('of what is not there yet by If-None-Match: one makes it, and keeps what it made', async () => {
    const putting = (n: number) =>
      repository.update('Patient', 'anew', aPatient({ id: 'anew', multipleBirthInteger: n }), { ifNoneMatch: '*' });
    const query = 'identifier=urn:mrn|anew';
    const finding = () =>
      repository.conditionalUpdate('Patient', query, aPatient({ identifier: [{ system: 'urn:mrn', value: 'anew' }] }), {
        ifNoneMatch: '*',
      });
    for (const write of [putting, finding]) {
      const found = await outcomes(together(write));
      expect(found.filter((outcome) => outcome === 'done')).toHaveLength(1);
      expect(found.filter((outcome) => outcome === 'precondition-failed')).toHaveLength(parallel - 1);
    }
    expect((await repository.history(historyRequest({ type: 'Patient', id: 'anew' }, ''))).total).toBe(1);
    expect(await find('Patient', query)).toHaveLength(1);
  });

  test('of one condition make one resource', async () => {
    const ifNoneExist = 'identifier=urn:mrn|race';
    const results = await Promise.all(
      together(() =>
        repository.create(aPatient({ identifier: [{ system: 'urn:mrn', value: 'race' }] }), { ifNoneExist }),
      ),
    );
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(results.map(({ version }) => version.id)).size).toBe(1);
    expect(await find('Patient', ifNoneExist)).toHaveLength(1);
  });

  test('of one conditional update make one resource and lose no version', async () => {
    const query = 'identifier=urn:mrn|update-race';
    await Promise.all(
      together((n) =>
        repository.conditionalUpdate(
          'Patient',
          query,
          aPatient({ identifier: [{ system: 'urn:mrn', value: 'update-race' }], multipleBirthInteger: n }),
        ),
      ),
    );
    const [only, ...others] = await find('Patient', query);
    expect(others).toEqual([]);
    const { total } = await repository.history(historyRequest({ type: 'Patient', id: only?.id ?? '' }, ''));
    expect(total).toBe(parallel);
  });

  test('that make one id by different conditions: one makes it', async () => {
    const found = await outcomes(
      together((n) => repository.conditionalUpdate('Patient', `identifier=none-${n}`, aPatient({ id: 'one-own-id' }))),
    );
    expect(found.filter((outcome) => outcome === 'done')).toHaveLength(1);
    expect(new Set(found)).toEqual(new Set(['done', 'conflict']));
  });

  test('that patch one resource lose nothing', async () => {
    const { version } = await repository.create(aPatient({ identifier: [{ value: 'first' }] }));
    await Promise.all(
      together((n) => {
        const step = { op: 'add', path: '/identifier/-', value: { value: `patch-${n}` } };
        return repository.patch('Patient', version.id, jsonPatch(JSON.stringify([step])));
      }),
    );
    const { identifier } = parse((await repository.read('Patient', version.id)).body) as {
      identifier: { value: string }[];
    };
    expect(identifier.map(({ value }) => value).sort()).toEqual(
      ['first', ...Array.from({ length: parallel }, (_, n) => `patch-${n}`)].sort(),
    );
  });

  test('that delete by one condition delete each resource once', async () => {
    for (let count = 0; count < 5; count++)
      await repository.create(aPatient({ identifier: [{ value: 'delete-race' }] }));
    const deleted = await Promise.all(
      together(() => repository.conditionalDelete('Patient', 'identifier=delete-race')),
    );
    expect(deleted.flat()).toHaveLength(5);
  });

  test('that patch and delete by condition meet only what still matches', async () => {
    await repository.create(aPatient({ identifier: [{ value: 'moving' }] }));
    const away = jsonPatch('[{"op":"replace","path":"/identifier/0/value","value":"moved"}]');
    const found = await outcomes(together(() => repository.conditionalPatch('Patient', 'identifier=moving', away)));
    expect(found.filter((outcome) => outcome === 'done')).toHaveLength(1);
    expect(new Set(found)).toEqual(new Set(['done', 'not-found']));
  });
});

describe('a transaction that is cut off', () => {
  /** A Bundle that has written a part of its entries when it comes to wait for the lock on `id`. */
  const waiting = (id: string) =>
    JSON.stringify({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        ...Array.from({ length: 5 }, (_, n) => ({
          fullUrl: `urn:uuid:${n}`,
          request: { method: 'POST', url: 'Observation' },
          resource: {
            resourceType: 'Observation',
            status: 'final',
            code: { text: 'cut off' },
            subject: { reference: `Patient/${id}` },
          },
        })),
        {
          request: { method: 'PUT', url: `Patient?_id=${id}` },
          resource: { resourceType: 'Patient', language: 'cut' },
        },
      ],
    });

  test('by the end of its backend leaves nothing', async () => {
    const { version } = await repository.create(aPatient());
    const before = await rowCounts();
    const other = await t.connect();
    await other.transaction(async (transaction) => {
      await transaction.query(
        compiledSql({ text: 'SELECT 1 FROM resource WHERE fhir_id = $1 FOR UPDATE', values: [version.id] }),
      );
      const bundle = repository.processBundle(waiting(version.id), baseUrl);
      const failed = expect(bundle).rejects.toThrow();
      await t.untilBlocked();
      await t.rows(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      await failed;
    });
    await other.close();
    expect(await rowCounts()).toEqual(before);
    expect((await repository.read('Patient', version.id)).versionId).toBe(version.versionId);
    expect(await find('Observation', `subject=Patient/${version.id}`)).toEqual([]);
    // The next one is served as if nothing had been.
    await repository.processBundle(waiting(version.id), baseUrl);
    expect(await find('Observation', `subject=Patient/${version.id}`)).toHaveLength(5);
  });
});
