/** The server's own audit, read and searched as AuditEvents. */
import { policyByType, type AccessPolicy } from '#access-policy';
import { fhirVersion, type JsonObject } from '#fhir';
import { matchesCriteria, parseSearch } from '#fhir-search';
import {
  findBrokenSeal,
  historyRequest,
  recordAudit,
  sealAudit,
  type AuditEntry,
  type ResourceRepository,
  type SearchResult,
} from '#fhir-store';
import { aPatient, aTenant, memberPolicy, parse, policyOf, text, until, type TestTenant } from './store.fixture.js';

let t: TestTenant;
let repository: ResourceRepository;
beforeAll(async () => {
  t = await aTenant();
  repository = await t.repository();
});
afterAll(() => t.close());

const entry = (more: Partial<AuditEntry> = {}): AuditEntry => ({
  action: 'R',
  outcome: 'success',
  agent: 'Practitioner/ana',
  entity: 'Observation/1',
  requestId: 'r',
  ...more,
});
const record = (...entries: AuditEntry[]) => t.tenant.use((connection) => recordAudit(connection, entries));
const search = (query: string, by: ResourceRepository = repository, of = t): Promise<SearchResult> =>
  by.search(parseSearch(of.tenant.version, 'AuditEvent', query, { handling: 'strict' }));
const ids = ({ hits }: SearchResult): string[] => hits.map(({ id }) => id);
const entities = ({ hits }: SearchResult): string[] =>
  hits.map(({ body }) => {
    const [first] = parse(body).entity as { what: { reference?: string; display?: string } }[];
    return first?.what.reference ?? first?.what.display ?? '';
  });

/** May search and read AuditEvents that satisfy the query, and nothing else. */
function auditorOf(query: string): AccessPolicy {
  const version = fhirVersion('R4');
  const { criteria } = parseSearch(version, 'AuditEvent', query, { handling: 'strict' });
  const base = policyByType((_, type) => type === 'AuditEvent', { reason: 'test: an auditor', projectAdmin: false });
  return {
    ...base,
    limits: (interaction, type) => (base.grants(interaction, type) ? criteria : undefined),
    grantFor: (interaction, resource) =>
      base.grants(interaction, resource.type) && matchesCriteria(version, criteria, resource.value)
        ? base.grantFor(interaction, resource)
        : undefined,
    grantsFully: () => false,
  };
}

describe('an access', () => {
  test('is shown with who, under which membership and policy, what, whose, and with which outcome', async () => {
    await record(
      entry({
        agent: 'Practitioner/whole',
        membership: 'ProjectMembership/m',
        policy: 'AccessPolicy/one, AccessPolicy/two',
        onBehalfOf: 'Practitioner/other',
        entity: 'Observation?code=x',
        subjects: 'Patient/1 Organization/a',
        outcome: 'refused',
        detail: 'Forbidden',
        requestId: 'request-9',
        at: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
      }),
    );
    const { hits } = await search('agent=Practitioner/whole');
    expect(hits.map(({ body }) => parse(body))).toEqual([
      {
        resourceType: 'AuditEvent',
        id: hits[0]?.id,
        meta: { versionId: '1', lastUpdated: '2026-01-02T03:04:05.678Z' },
        type: expect.objectContaining({ code: 'rest' }),
        subtype: [expect.objectContaining({ code: 'search-type' })],
        action: 'R',
        recorded: '2026-01-02T03:04:05.678Z',
        outcome: '4',
        outcomeDesc: 'Forbidden',
        agent: [
          {
            who: { reference: 'Practitioner/whole' },
            requestor: true,
            policy: ['AccessPolicy/one', 'AccessPolicy/two'],
          },
          { type: { text: 'on behalf of' }, who: { reference: 'Practitioner/other' }, requestor: false },
        ],
        source: expect.objectContaining({ observer: expect.objectContaining({ display: 'Boxyard' }) }),
        entity: [
          {
            what: { display: 'Observation?code=x' },
            role: expect.objectContaining({ code: '24' }),
            query: Buffer.from('Observation?code=x').toString('base64'),
            detail: [
              { type: 'policy', valueString: 'AccessPolicy/one, AccessPolicy/two' },
              { type: 'request', valueString: 'request-9' },
            ],
          },
          { what: { reference: 'Patient/1' }, role: expect.objectContaining({ code: '1' }) },
          { what: { reference: 'ProjectMembership/m' }, role: expect.objectContaining({ code: '11' }) },
        ],
      },
    ]);
  });

  test('of data of several patients is one event for each, and none of them names another patient', async () => {
    await record(
      entry({ entity: 'Observation?several', subjects: 'Patient/p1 Organization/a\nPatient/p2\nOrganization/b' }),
    );
    const found = (await search('_sort=-date&_count=3')).hits;
    expect(found.map(({ body }) => [body.includes('Patient/p1'), body.includes('Patient/p2')])).toEqual([
      [true, false],
      [false, true],
      [false, false],
    ]);
    expect(
      found.map(({ extendedMeta }) =>
        (parse(`{${extendedMeta}}`).compartment as JsonObject[]).map((one) => one.reference),
      ),
    ).toEqual([['Patient/p1', 'Organization/a'], ['Patient/p2'], ['Organization/b']]);
    for (const { id, body } of found) expect((await repository.read('AuditEvent', id)).body).toBe(body);
    expect(ids(await search('patient=p2'))).toEqual([found[1]?.id]);
  });

  test('that writes is recorded by its own statement, with the policy, the membership and the patient', async () => {
    const writer = await t.repository({
      agent: 'Practitioner/writer',
      membership: 'ProjectMembership/w',
      policy: memberPolicy,
    });
    const { version } = await writer.create(aPatient());
    const { version: changed } = await writer.update(
      'Patient',
      version.id,
      aPatient({ id: version.id, active: false }),
    );
    const deleted = await writer.delete('Patient', version.id);
    const found = await search('agent=Practitioner/writer');
    expect(entities(found)).toEqual(
      [version, changed, deleted].map(({ id, versionId }) => `Patient/${id}/_history/${versionId}`),
    );
    expect(found.hits.map(({ body }) => parse(body).action)).toEqual(['C', 'U', 'D']);
    for (const { body } of found.hits) expect(body).toContain('ProjectMembership/w');
    for (const { body } of found.hits) expect(body).toContain(memberPolicy.reason);
    expect(entities(await search(`patient=${version.id}`))).toHaveLength(3);
  });

  test.each(['R4', 'R4B', 'R5'])('is a valid AuditEvent of %s, whatever it is about', async (label) => {
    const other = await aTenant(label);
    try {
      await other.tenant.use((connection) =>
        recordAudit(connection, [
          entry({ subjects: 'Patient/1', detail: 'd', policy: 'AccessPolicy/a', membership: 'ProjectMembership/m' }),
          entry({ entity: 'Patient/1/_history/3', subjects: 'Patient/1', onBehalfOf: 'Practitioner/x' }),
          entry({ entity: 'Patient?name=x', agent: 'system/test', policy: 'member' }),
          entry({ entity: '', action: 'R' }),
          entry({ entity: 'Patient?name=\u0001\u001e \n', agent: '\u0002', detail: '\u0003', policy: ' ' }),
          entry({ entity: 'oauth2/token', action: 'E', outcome: 'refused', agent: 'ClientApplication/c' }),
          entry({ entity: 'Bundle', action: 'E', outcome: 'failed' }),
          entry({ entity: '_history', subjects: 'Patient/1\nPatient/2' }),
        ]),
      );
      const by = await other.repository();
      const { hits } = await search('', by, other);
      expect(hits).toHaveLength(9);
      for (const { body } of hits) expect([body, other.tenant.version.validate(parse(body))]).toEqual([body, []]);
      expect(ids(await search('outcome=4', by, other))).toHaveLength(1);
      expect(ids(await search('patient=Patient/1', by, other))).toHaveLength(3);
      expect(ids(await search('agent=ClientApplication/c&action=E', by, other))).toHaveLength(1);
    } finally {
      await other.close();
    }
  });
});

describe('a search of the audit', () => {
  const day = (number: number) => Date.UTC(2020, 0, number);
  let all: string[];
  beforeAll(async () => {
    await record(
      ...Array.from({ length: 25 }, (_, n) =>
        entry({
          agent: n % 5 === 0 ? 'Practitioner/fifth' : 'Practitioner/others',
          entity: `Basic/${n}`,
          subjects: n % 10 === 0 ? 'Patient/tenth Organization/x' : '',
          outcome: n === 7 ? 'refused' : 'success',
          action: n === 3 ? 'D' : 'R',
          at: day(n + 1),
        }),
      ),
    );
    all = ids(await search('date=2020&_count=100'));
    expect(all).toHaveLength(25);
  });

  const places = async (query: string, by = repository) =>
    ids(await search(`date=2020&${query}`, by)).map((id) => all.indexOf(id));

  test.each([
    ['date=ge2020-01-24', [23, 24]],
    ['date=lt2020-01-02T00:00:01Z', [0, 1]],
    ['date=2020-01-05,2020-01-07', [4, 6]],
    ['_lastUpdated=gt2020-01-24', [24]],
    ['agent=Practitioner/fifth', [0, 5, 10, 15, 20]],
    ['agent=fifth', [0, 5, 10, 15, 20]],
    ['patient=Patient/tenth', [0, 10, 20]],
    ['patient=tenth&agent=Practitioner/fifth&date=lt2020-01-11', [0]],
    ['agent=Practitioner/fifth,Practitioner/nobody', [0, 5, 10, 15, 20]],
    ['entity=Basic/4', [4]],
    ['entity=Basic/4,Basic/6', [4, 6]],
    ['_compartment=Organization/x', [0, 10, 20]],
    ['_compartment=Patient/tenth', [0, 10, 20]],
    ['outcome=4', [7]],
    ['action=D', [3]],
    ['action=D,C', [3]],
    ['_count=2&_sort=-date', [24, 23]],
    ['_count=2&_sort=date', [0, 1]],
    ['_count=3&_offset=4', [4, 5, 6]],
    ['_sort=-_lastUpdated&agent=Practitioner/fifth&_count=2', [20, 15]],
    ['patient=nobody', []],
    ['agent=https://elsewhere.example/Practitioner/fifth', []],
  ])('finds by %s', async (query, expected) => {
    expect(await places(query)).toEqual(expected);
  });

  test('finds by id, also several and in order', async () => {
    expect(ids(await search(`_id=${all[3]},${all[1]},no-such`))).toEqual([all[1], all[3]]);
    expect(ids(await search(`_id=${all[3]},${all[1]}&_sort=-date&_count=1`))).toEqual([all[3]]);
    expect(ids(await search('_id=audit-1-1'))).toEqual([]);
  });

  test.each(['date', '-date'])(
    'by _sort=%s visits each event once, page by page, while others are recorded',
    async (sort) => {
      await record(entry({ entity: 'Basic/many', at: day(26), subjects: 'Patient/1\nPatient/2\nPatient/3' }));
      const expected = ids(await search(`date=2020&_sort=${sort}&_count=100`));
      expect(expected).toHaveLength(28);
      const found: string[] = [];
      for (let next: string | undefined = ''; next !== undefined;) {
        const page: SearchResult = await search(
          `date=2020&_sort=${sort}&_count=2${next === '' ? '' : `&_cursor=${next}`}`,
        );
        found.push(...ids(page));
        next = page.next;
        await record(entry({ at: sort === 'date' ? day(1) - 1 : Date.now() }));
      }
      expect(found).toEqual(expected);
      await t.rows(`DELETE FROM audit_event WHERE entity = 'Basic/many'`);
    },
  );

  test('tells the total, of the events that the caller may see', async () => {
    expect((await search('date=2020&_total=accurate&_count=1')).total).toBe(25);
    expect(await search('date=2020&_summary=count&patient=tenth')).toEqual({ hits: [], included: [], total: 3 });
    const auditor = await t.repository({ policy: auditorOf('agent=Practitioner/fifth') });
    expect((await search('date=2020&_total=accurate&_count=1', auditor)).total).toBe(5);
  });

  test('shows parts when asked for parts', async () => {
    const [hit] = (await search('date=2020&_elements=action&_count=1')).hits;
    expect(Object.keys(parse(hit?.body ?? '{}'))).not.toContain('entity');
  });

  test.each([
    ['_sort=agent', 'sorted by'],
    ['agent:Practitioner.name=x', 'cannot be searched by chains'],
    ['_has:Provenance:entity:_id=x', 'cannot be searched by chains'],
  ])('with %s is refused, rather than to find too little', async (query, message) => {
    await expect(search(query)).rejects.toMatchObject({
      category: 'invalid',
      message: expect.stringContaining(message),
    });
  });

  test('that has to look at too much is refused with advice', async () => {
    await t.rows(
      `INSERT INTO audit_event (recorded, action, outcome, agent, entity)
       SELECT '2010-01-01'::timestamptz + n * interval '1 s', 'R', 0, 'Practitioner/crowd', 'Basic/x' FROM generate_series(1, 20200) n`,
    );
    try {
      await expect(search('date=2010&action=C')).rejects.toMatchObject({
        category: 'too-costly',
        message: expect.stringContaining("narrow it by 'date'"),
      });
      await expect(search('date=2010&_total=accurate&_count=1')).rejects.toMatchObject({ category: 'too-costly' });
      expect(ids(await search('date=2010&agent=Practitioner/crowd&_count=3'))).toHaveLength(3);
      expect(ids(await search('date=2010&action=D&patient=x'))).toEqual([]);
    } finally {
      await t.rows(`DELETE FROM audit_event WHERE agent = 'Practitioner/crowd'`);
    }
  });

  describe('of accesses to many patients each', () => {
    const rows = 30;
    const patients = 1_000;
    beforeAll(async () => {
      await t.rows(
        `INSERT INTO audit_event (recorded, action, outcome, agent, entity, subjects)
         SELECT '2011-01-01'::timestamptz + n * interval '1 s', 'R', 0, 'Practitioner/list', 'Patient?_count=1000',
           (SELECT string_agg('Patient/p' || p || ' Organization/' || repeat('o', 60), E'\n' ORDER BY p) FROM generate_series(1, $2::int) p)
         FROM generate_series(1, $1::int) n`,
        rows,
        patients,
      );
      await record(entry({ entity: 'Patient/p7', agent: 'Practitioner/list', at: Date.UTC(2011, 5, 1) }));
    });
    afterAll(() => t.rows(`DELETE FROM audit_event WHERE agent = 'Practitioner/list'`));

    test('is refused when it would judge too many events, while other requests have their turns', async () => {
      let turns = 0;
      const timer = setInterval(() => turns++, 0);
      try {
        await expect(search('date=2011&type=nothing')).rejects.toMatchObject({ category: 'too-costly' });
      } finally {
        clearInterval(timer);
      }
      expect(turns).toBeGreaterThan(10);
    });

    test('looks only at the events of the patient who is asked for, in batches of rows that are not too long', async () => {
      const found: string[] = [];
      for (let next: string | undefined = ''; next !== undefined;) {
        const cursor: string = next === '' ? '' : `&_cursor=${next}`;
        const page: SearchResult = await search(`date=2011&patient=Patient/p7&_count=7&_total=accurate${cursor}`);
        expect(page.total).toBe(rows + 1);
        found.push(...ids(page));
        next = page.next;
      }
      expect([found.length, new Set(found).size]).toEqual([rows + 1, rows + 1]);
      expect(found.filter((id) => /^audit-\d+-\d+-6$/.test(id))).toHaveLength(rows);
      expect(ids(await search(`_id=${found[3]},${found[9]}`))).toHaveLength(2);
      expect((await repository.read('AuditEvent', found[3] ?? '')).id).toBe(found[3]);
    });
  });

  describe('and of what clients have stored', () => {
    /** At the same moment as the server's third event, between two of them, and with another offset of the clock. */
    const moments = ['2020-01-03T00:00:00Z', '2020-01-07T12:00:00Z', '2020-01-13T01:30:00+02:00'];
    let stored: string[];
    const pages = async (query: string, by?: ResourceRepository): Promise<{ found: string[]; totals: unknown[] }> => {
      const found: string[] = [];
      const totals = new Set<unknown>();
      for (let next: string | undefined = ''; next !== undefined;) {
        const page: SearchResult = await search(`${query}${next === '' ? '' : `&_cursor=${next}`}`, by);
        found.push(...ids(page));
        totals.add(page.total);
        next = page.next;
      }
      return { found, totals: [...totals] };
    };
    const momentsOf = (result: SearchResult) =>
      result.hits.map(({ body }) => Date.parse(parse(body).recorded as string));

    beforeAll(async () => {
      stored = [];
      for (const recorded of moments) {
        const body = {
          resourceType: 'AuditEvent',
          type: { system: 'urn:x', code: 'device' },
          recorded,
          agent: [{ who: { reference: 'Practitioner/fifth' }, requestor: true }],
          source: { observer: { display: 'A device' } },
        };
        stored.push((await repository.create(text(body))).version.id);
      }
    });
    afterAll(async () => {
      for (const id of stored) await repository.delete('AuditEvent', id);
    });

    test.each(['date', '-date'])('by _sort=%s is one list, page by page, with one total', async (sort) => {
      const whole = await search(`date=2020&_sort=${sort}&_count=100`);
      const inOrder = momentsOf(whole).toSorted((one, other) => (sort === 'date' ? one - other : other - one));
      expect(momentsOf(whole)).toEqual(inOrder);
      expect(whole.hits).toHaveLength(28);
      for (const count of [1, 2, 5]) {
        const { found, totals } = await pages(`date=2020&_sort=${sort}&_count=${count}&_total=accurate`);
        expect([found, totals]).toEqual([ids(whole), [28]]);
      }
      const behind = await search(`date=2020&_sort=${sort}&_offset=4&_count=7`);
      expect(ids(behind)).toEqual(ids(whole).slice(4, 11));
      expect(stored.every((id) => ids(whole).includes(id))).toBe(true);
    });

    test('keeps each event at its place when one was found that no rule shows', async () => {
      const [hidden = ''] = stored;
      const policy: AccessPolicy = {
        ...memberPolicy,
        grantsFully: () => false,
        hiddenFieldsOf: () => ['purposeOfEvent'],
        grantFor: (interaction, resource) =>
          resource.value['id'] === hidden ? undefined : memberPolicy.grantFor(interaction, resource),
      };
      const limited = await t.repository({ policy });
      const whole = ids(await search('date=2020&_sort=date&_count=100'));
      for (const count of [1, 2, 5]) {
        const { found } = await pages(`date=2020&_sort=date&_count=${count}`, limited);
        expect(found).toEqual(whole.filter((id) => id !== hidden));
      }
    });

    test('of the same moment comes behind the server’s own event, and before it the other way round', async () => {
      const around = (sort: string) => search(`date=2020-01-03&_sort=${sort}`);
      const [own, other] = ids(await around('date'));
      expect([own?.startsWith('audit-'), other]).toEqual([true, stored[0]]);
      expect(ids(await around('-date'))).toEqual([other, own]);
    });

    test('by _sort=-_lastUpdated begins with what was stored last', async () => {
      const { found } = await pages('agent=Practitioner/fifth&_sort=-_lastUpdated&_count=2');
      expect(found.slice(0, 3)).toEqual(stored.toReversed());
      expect(new Set(found).size).toBe(found.length);
    });

    test('finds only those that match, by their ids too', async () => {
      expect(ids(await search('type=urn:x|device'))).toEqual(stored);
      expect((await pages(`_id=${stored[1]},${all[2]}&_sort=-date&_count=1`)).found).toEqual([stored[1], all[2]]);
    });
  });
});

describe('the rights to the audit', () => {
  test('are those of the policy: searches find what its criteria grant and nothing else', async () => {
    await record(
      entry({ entity: 'Basic/a', agent: 'Practitioner/rights', subjects: 'Patient/mine Organization/a' }),
      entry({ entity: 'Basic/b', agent: 'Practitioner/rights', subjects: 'Patient/other Organization/b' }),
      entry({
        entity: 'Observation?x',
        agent: 'Practitioner/rights',
        subjects: 'Patient/mine Organization/a\nPatient/other Organization/b',
      }),
    );
    for (const query of ['patient=Patient/mine', '_compartment=Patient/mine', '_compartment=Organization/a']) {
      const auditor = await t.repository({ policy: auditorOf(query) });
      const found = await search('agent=Practitioner/rights', auditor);
      expect([query, entities(found)]).toEqual([query, ['Basic/a', 'Observation']]);
      expect(JSON.stringify(found)).not.toContain('Patient/other');
      expect(ids(await search('entity=Basic/b', auditor))).toEqual([]);
    }
  });

  test('who sees only some events is not told what others searched for, which may name whom they must not know of', async () => {
    const patient = 'Patient/shared-search';
    const query = 'Observation?subject=Patient/other-clinic';
    await record(entry({ entity: query, subjects: patient, agent: 'Practitioner/searcher' }));
    const auditor = await t.repository({ policy: auditorOf(`patient=${patient}`) });
    const limited = (await search('agent=Practitioner/searcher', auditor)).hits;
    const [event] = limited;
    expect(limited).toHaveLength(1);
    expect(event?.body).not.toContain('other-clinic');
    expect(event?.body).not.toContain(Buffer.from(query).toString('base64'));
    expect((await auditor.read('AuditEvent', event?.id ?? '')).body).not.toContain('other-clinic');
    const everybody = (await search('agent=Practitioner/searcher')).hits;
    expect(everybody[0]?.body).toContain(Buffer.from(query).toString('base64'));
  });

  test('fields that the policy hides are in no answer, and are not found out by searching', async () => {
    await record(entry({ agent: 'Practitioner/hidden', entity: 'Basic/hidden-agent', subjects: 'Patient/mine' }));
    const policy = { ...auditorOf('patient=Patient/mine'), hiddenFieldsOf: () => ['agent'] };
    const grantFor: AccessPolicy['grantFor'] = (interaction, resource) => {
      const grant = auditorOf('patient=Patient/mine').grantFor(interaction, resource);
      return grant && { ...grant, hiddenFields: ['agent'] };
    };
    const auditor = await t.repository({ policy: { ...policy, grantFor } });
    const { hits } = await search('entity=Basic/hidden-agent', auditor);
    expect(hits).toHaveLength(1);
    expect(JSON.stringify(hits)).not.toContain('Practitioner/hidden');
    expect((await auditor.read('AuditEvent', hits[0]?.id ?? '')).body).not.toContain('Practitioner/hidden');
    await expect(search('agent=Practitioner/hidden', auditor)).rejects.toMatchObject({ category: 'forbidden' });
  });

  test('a caller without a rule for AuditEvent is refused, reading and searching', async () => {
    const { hits } = await search('_count=1');
    const nobody = await t.repository({ policy: policyOf('read Patient', 'search Patient') });
    await expect(search('', nobody)).rejects.toMatchObject({ category: 'forbidden' });
    await expect(nobody.read('AuditEvent', hits[0]?.id ?? '')).rejects.toMatchObject({ category: 'forbidden' });
    await expect(nobody.readVersion('AuditEvent', hits[0]?.id ?? '', '1')).rejects.toMatchObject({
      category: 'forbidden',
    });
  });

  test('an event that the policy does not grant is refused to a reader who has its id', async () => {
    await record(entry({ entity: 'Basic/denied', subjects: 'Patient/other' }));
    const [hit] = (await search('entity=Basic/denied')).hits;
    const auditor = await t.repository({ policy: auditorOf('patient=Patient/mine') });
    await expect(auditor.read('AuditEvent', hit?.id ?? '')).rejects.toMatchObject({ category: 'forbidden' });
    await expect(auditor.read('AuditEvent', 'audit-999999999-1')).rejects.toMatchObject({ category: 'not-found' });
    expect([...(await auditor.readMany([{ type: 'AuditEvent', id: hit?.id ?? '' }])).keys()]).toEqual([]);
  });
});

describe('an event of the audit', () => {
  let id: string;
  beforeAll(async () => {
    await record(entry({ entity: 'Basic/fixed' }));
    id = (await search('entity=Basic/fixed')).hits[0]?.id ?? '';
  });

  test('has one version', async () => {
    const event = await repository.read('AuditEvent', id);
    expect(await repository.readVersion('AuditEvent', id, '1')).toEqual(event);
    await expect(repository.readVersion('AuditEvent', id, '2')).rejects.toMatchObject({ category: 'not-found' });
    const history = await repository.history(historyRequest({ type: 'AuditEvent', id }, ''));
    expect([history.total, history.versions.map(({ versionId }) => versionId)]).toEqual([1, ['1']]);
    expect([
      ...(
        await repository.readMany([
          { type: 'AuditEvent', id },
          { type: 'AuditEvent', id: `${id}-7` },
        ])
      ).keys(),
    ]).toEqual([`AuditEvent/${id}`]);
  });

  test('cannot be changed, deleted or made by any route, also not by an administrator', async () => {
    const forbidden = expect.objectContaining({ category: 'forbidden' });
    const body = parse((await repository.read('AuditEvent', id)).body);
    const put = text({ ...body, action: 'D' });
    await expect(repository.update('AuditEvent', id, put)).rejects.toEqual(forbidden);
    await expect(repository.patch('AuditEvent', id, () => '{}')).rejects.toEqual(forbidden);
    await expect(repository.changeMeta('AuditEvent', id, () => ({}))).rejects.toEqual(forbidden);
    await expect(repository.delete('AuditEvent', id)).rejects.toEqual(forbidden);
    await expect(repository.create(put, { id })).rejects.toEqual(forbidden);
    await expect(repository.update('AuditEvent', 'audit-1-1', text({ ...body, id: 'audit-1-1' }))).rejects.toEqual(
      forbidden,
    );
    expect(await repository.conditionalDelete('AuditEvent', `_id=${id}`)).toEqual([]);
    await expect(repository.conditionalPatch('AuditEvent', `_id=${id}`, () => '{}')).rejects.toMatchObject({
      category: 'not-found',
    });
    await expect(repository.conditionalUpdate('AuditEvent', `_id=${id}`, put)).rejects.toEqual(forbidden);
    const request = (method: string) => ({ method, url: `AuditEvent/${id}` });
    for (const [method, status] of [
      ['PUT', 'forbidden'],
      ['DELETE', 'not-found'],
    ] as const) {
      const bundle = {
        resourceType: 'Bundle',
        type: 'transaction',
        entry: [{ request: request(method), resource: { ...body, action: 'D' } }],
      };
      await expect(repository.processBundle(JSON.stringify(bundle), 'http://x/')).rejects.toMatchObject({
        category: status,
      });
    }
    expect(parse((await repository.read('AuditEvent', id)).body)).toEqual(body);
  });

  test('is refused with a record of who tried', async () => {
    const intruder = await t.repository({ agent: 'Practitioner/intruder' });
    await expect(intruder.delete('AuditEvent', id)).rejects.toMatchObject({ category: 'forbidden' });
    const [denial] = (await search('agent=Practitioner/intruder&outcome=4')).hits;
    expect(parse(denial?.body ?? '{}')).toMatchObject({
      action: 'D',
      entity: [{ what: { reference: `AuditEvent/${id}` } }],
    });
  });
});

test('the seals cover the policy, the membership, whom somebody acted for, and whose data it was', async () => {
  const entryOf = entry({
    agent: 'Practitioner/sealed',
    membership: 'ProjectMembership/m',
    policy: 'p',
    onBehalfOf: 'Patient/1',
    subjects: 'Patient/2',
  });
  await record(entryOf);
  // Transactions of other databases, so of other tests, hold a seal up as well.
  await until(async () => {
    await t.tenant.use(sealAudit);
    const sealed = await t.rows(
      `SELECT 1 FROM audit_event a WHERE agent = 'Practitioner/sealed'
       AND EXISTS (SELECT 1 FROM audit_seal s WHERE a.writer < s.until_writer)`,
    );
    return sealed.length > 0;
  });
  const broken = async () => t.tenant.use(findBrokenSeal);
  for (const column of ['membership', 'policy', 'on_behalf_of', 'subjects']) {
    const [before] = await t.rows<{ value: string }>(
      `SELECT ${column} AS value FROM audit_event WHERE agent = 'Practitioner/sealed'`,
    );
    await t.rows(`UPDATE audit_event SET ${column} = 'x' WHERE agent = 'Practitioner/sealed'`);
    expect([column, await broken()]).toEqual([column, expect.any(String)]);
    await t.rows(`UPDATE audit_event SET ${column} = $1 WHERE agent = 'Practitioner/sealed'`, before?.value);
  }
});
