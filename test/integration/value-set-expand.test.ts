/** `ValueSet/$expand` through a whole data plane: of the standard's value sets, of the project's own, and under policies. */
import { type AdministeredProject, anAdministeredProject, type Member } from './admin.fixture.js';
import { type Answer, aDataPlane, type TestPlane } from './data-plane.fixture.js';

let plane: TestPlane;
let project: AdministeredProject;
/** Sees no value sets and code systems, sees those of one publisher, and sees all but what they are made of. */
let nobody: Member;
let partial: Member;
let blind: Member;
let nameless: Member;

const MARITAL = 'http://hl7.org/fhir/ValueSet/marital-status';
const COLOURS = 'http://sets.example/colours';
const COLOUR_CODES = 'http://codes.example/colours';

const codeSystem = (url: string, codes: readonly string[], more: object = {}) => ({
  resourceType: 'CodeSystem',
  url,
  status: 'active',
  content: 'complete',
  concept: codes.map((code) => ({ code, display: code.toUpperCase() })),
  ...more,
});

const valueSet = (url: string, compose: object, more: object = {}) => ({
  resourceType: 'ValueSet',
  url,
  status: 'active',
  compose,
  ...more,
});

const only = (resourceType: string, more: object = {}) => ({ resourceType, interaction: ['read', 'search'], ...more });

beforeAll(async () => {
  plane = await aDataPlane();
  project = await anAdministeredProject(plane, await plane.createProject('expansions'));
  const access = (name: string, ...resource: object[]) =>
    project.member(name, { resourceType: 'AccessPolicy', name, resource: [only('Patient'), ...resource] });
  nobody = await access('Nobody');
  const ours = (type: string) => only(type, { criteria: `${type}?publisher=Ours` });
  partial = await access('Partial', ours('ValueSet'), ours('CodeSystem'));
  blind = await access(
    'Blind',
    only('ValueSet', { hiddenFields: ['compose'] }),
    only('CodeSystem', { hiddenFields: ['concept'] }),
  );
  nameless = await access(
    'Nameless',
    only('ValueSet', { hiddenFields: ['url'] }),
    only('CodeSystem', { hiddenFields: ['url'] }),
  );
}, 120_000);

afterAll(() => plane?.close());

interface Expanded {
  readonly url?: string;
  readonly version?: string;
  readonly expansion: {
    readonly total: number;
    readonly contains?: readonly { readonly system: string; readonly code: string; readonly display?: string }[];
  };
}

const expand = (query: string, as?: Member): Promise<Answer> =>
  project.fhir(`ValueSet/$expand?${query}`, as === undefined ? {} : { as });

function expandedIn(answer: Answer): Expanded {
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return JSON.parse(answer.text) as Expanded;
}

const codesIn = (answer: Answer): string[] => (expandedIn(answer).expansion.contains ?? []).map(({ code }) => code);

/** Status, issue code and text of a refusal. */
const refusalIn = (answer: Answer): string =>
  `${answer.status} ${answer.json.issue[0]?.code}: ${answer.json.issue[0]?.details.text}`;

const url = (canonical: string, more = ''): string => `url=${encodeURIComponent(canonical)}${more}`;

describe('a value set of the standard', () => {
  test('is expanded for every member, whatever the policy', async () => {
    for (const member of [undefined, nobody, blind, nameless]) {
      const answer = await expand(url(MARITAL, '&filter=mar&count=10'), member);
      expect(expandedIn(answer)).toMatchObject({
        resourceType: 'ValueSet',
        url: MARITAL,
        expansion: {
          identifier: expect.stringMatching(/^urn:uuid:/),
          timestamp: expect.stringMatching(/^\d{4}-/),
          total: 2,
          offset: 0,
          contains: [
            { system: 'http://terminology.hl7.org/CodeSystem/v3-MaritalStatus', code: 'M', display: 'Married' },
            { code: 'S', display: 'Never Married' },
          ],
        },
      });
      expect(answer.headers['cache-control']).toBe('private, no-cache');
    }
  });

  test('is expanded before anything is typed, and in the version that a binding names', async () => {
    expect(codesIn(await expand(url(MARITAL, '&filter=&count=3')))).toHaveLength(3);
    expect(codesIn(await expand(url('http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1')))).toEqual([
      'male',
      'female',
      'other',
      'unknown',
    ]);
    const versioned = url('http://hl7.org/fhir/ValueSet/administrative-gender', '&valueSetVersion=4.0.1');
    expect(codesIn(await expand(versioned))).toHaveLength(4);
  });

  test('is asked for by POST, and in a batch', async () => {
    const parameter = [
      { name: 'url', valueUri: MARITAL },
      { name: 'filter', valueString: 'widow' },
      { name: 'count', valueInteger: 5 },
    ];
    const body = { resourceType: 'Parameters', parameter };
    expect(codesIn(await project.fhir('ValueSet/$expand', { method: 'POST', body }))).toEqual(['W']);
    const entry = [
      { request: { method: 'GET', url: `ValueSet/$expand?${url(MARITAL, '&filter=widow')}` } },
      { request: { method: 'POST', url: 'ValueSet/$expand' }, resource: body },
      { request: { method: 'GET', url: `ValueSet/$expand?${url('http://sets.example/none')}` } },
    ];
    const batch = await project.fhir('', { method: 'POST', body: { resourceType: 'Bundle', type: 'batch', entry } });
    const answers = (JSON.parse(batch.text) as { entry: { resource?: Expanded; response: { status: string } }[] })
      .entry;
    expect(
      answers.map(({ resource, response }) => [response.status, resource?.expansion?.contains?.[0]?.code]),
    ).toEqual([
      ['200', 'W'],
      ['200', 'W'],
      ['404', undefined],
    ]);
  });

  test('is expanded whole where somebody asks for as much as there can be', async () => {
    const { expansion } = expandedIn(await expand(url(MARITAL, '&count=2147483647')));
    expect(expansion.contains).toHaveLength(expansion.total);
  });

  test('is not expanded any more for somebody who has lost the rights a moment ago', async () => {
    const gone = await project.member('Gone', { resourceType: 'AccessPolicy', resource: [only('Patient')] });
    expect((await expand(url(MARITAL), gone)).status).toBe(200);
    expect((await project.fhir(`ProjectMembership/${gone.membershipId}`, { method: 'DELETE' })).status).toBe(200);
    expect((await expand(url(MARITAL), gone)).status).toBe(401);
  });

  test('lists the types of resources that the project can hold', async () => {
    const types = url('https://medplum.com/fhir/ValueSet/resource-types', '&filter=pati&count=5');
    expect(codesIn(await expand(types, nobody))).toEqual(['Patient']);
  });

  test.each([
    ['none', '', "400 required: Name one value set: by the id of a stored one in the address, by 'url'"],
    [
      'an unknown one',
      url('http://sets.example/none'),
      "404 not-found: There is no value set 'http://sets.example/none'.",
    ],
    ['an unknown version', url(`${MARITAL}|7`), `404 not-found: There is no value set '${MARITAL}|7'.`],
    [
      'one of a system whose codes are not here',
      url('http://hl7.org/fhir/ValueSet/condition-code', '&filter=flu'),
      '422 not-supported: The value set http://hl7.org/fhir/ValueSet/condition-code needs the codes of http://snomed.info/sct, which are not here.',
    ],
    [
      'too many codes',
      url('http://hl7.org/fhir/ValueSet/c80-doc-typecodes'),
      '400 too-costly: The value set has 6401 codes',
    ],
    [
      'a parameter that is not here',
      url(MARITAL, '&context=x'),
      "400 not-supported: The operation has no parameter 'context'",
    ],
    ['no number', url(MARITAL, '&count=-1'), "400 value: 'count' takes a whole number that is not negative."],
    ['more than a number', url(MARITAL, '&count=2147483648'), "400 value: 'count' takes at most 2147483647."],
    ['a text for a value set', url(MARITAL, '&valueSet=x'), "400 value: 'valueSet' takes a ValueSet."],
    ['two filters', url(MARITAL, '&filter=a&filter=b'), "400 value: 'filter' may be given once only."],
    ['no truth', url(MARITAL, '&activeOnly=maybe'), "400 value: The parameter 'activeOnly' takes 'true' or 'false'."],
    [
      'two versions',
      url(`${MARITAL}|4.0.1`, '&valueSetVersion=5'),
      "400 value: 'valueSetVersion' names another version",
    ],
    ['a long text', url(MARITAL, `&filter=${'x'.repeat(2_001)}`), "400 value: 'filter' takes at most 2000 characters."],
  ])('is refused where the request asks for %s', async (_what, query, refusal) => {
    expect(refusalIn(await expand(query))).toContain(refusal);
  });
});

describe('a value set that is sent along', () => {
  const send = (body: object, as?: Member): Promise<Answer> =>
    project.fhir('ValueSet/$expand', { method: 'POST', body, ...(as === undefined ? {} : { as }) });
  const inParameters = (resource: object, ...more: object[]) => ({
    resourceType: 'Parameters',
    parameter: [{ name: 'valueSet', resource }, ...more],
  });
  const include = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-MaritalStatus' }];

  test('is expanded, by itself or in Parameters', async () => {
    const resource = valueSet('http://sets.example/sent', { include });
    const whole = codesIn(await send(resource, nobody));
    expect(whole).toContain('M');
    expect(codesIn(await send(inParameters(resource), nobody))).toEqual(whole);
    expect(codesIn(await send(inParameters(resource, { name: 'filter', valueString: 'divo' })))).toEqual(['D']);
  });

  test('must be valid, a ValueSet, and the only one', async () => {
    const broken = { resourceType: 'ValueSet', status: 'active', compose: { include: [{ sistem: 'x' }] } };
    expect(await send(broken)).toMatchObject({ status: 400 });
    expect(refusalIn(await send({ resourceType: 'Patient' }))).toBe("400 value: 'valueSet' takes a ValueSet.");
    const resource = valueSet('http://sets.example/sent', { include });
    const twice = await send(inParameters(resource, { name: 'url', valueUri: MARITAL }));
    expect(refusalIn(twice)).toContain('400 invalid: Name one value set');
  });

  test('may be made of anything without breaking the server', async () => {
    const odd = ['http://a\0b', 'a,b|c$d\\', "'; DROP TABLE resource; --", '%', 'http://ä.example/\u{1F600}'];
    for (const text of odd) {
      for (const part of [{ system: text }, { valueSet: [text] }]) {
        const { status } = await send(valueSet('http://sets.example/sent', { include: [part] }));
        expect([text, status]).toEqual([text, expect.any(Number)]);
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
      }
      const byUrl = { resourceType: 'Parameters', parameter: [{ name: 'url', valueUri: text }] };
      expect((await send(byUrl)).status).toBeLessThan(500);
    }
  });

  test('keeps nobody busy: expressions are not carried out, and it may not be made of itself', async () => {
    const filter = [{ property: 'code', op: 'regex', value: '(M+)+$' }];
    expect(
      refusalIn(await send(valueSet('http://sets.example/sent', { include: [{ ...include[0], filter }] }))),
    ).toContain("422 not-supported: The filter 'code regex'");
    const itself = 'http://sets.example/itself';
    const cycle = valueSet(itself, { include: [{ valueSet: [itself] }] });
    expect(refusalIn(await send(cycle))).toBe(
      `422 business-rule: The value set ${itself} is made of itself: ${itself}.`,
    );
  });
});

describe("the project's own value sets", () => {
  test('are expanded by their URL and by their id, the newest version first', async () => {
    await project.store(codeSystem(COLOUR_CODES, ['red', 'green', 'blue']));
    await project.store(valueSet(COLOURS, { include: [{ system: COLOUR_CODES }] }, { version: '1.9' }));
    const newest = valueSet(
      COLOURS,
      { include: [{ system: COLOUR_CODES, concept: [{ code: 'red' }] }] },
      { version: '1.10' },
    );
    const { id } = await project.store(newest);
    await project.store(valueSet(COLOURS, { include: [{ system: COLOUR_CODES }] }));
    expect(expandedIn(await expand(url(COLOURS)))).toMatchObject({
      id,
      version: '1.10',
      expansion: { contains: [{ system: COLOUR_CODES, code: 'red', display: 'RED' }] },
    });
    expect(codesIn(await expand(url(`${COLOURS}|1.9`)))).toEqual(['red', 'green', 'blue']);
    expect(codesIn(await project.fhir(`ValueSet/${id}/$expand`))).toEqual(['red']);
    expect(codesIn(await project.fhir(`ValueSet/${id}/$expand?filter=bl`, { method: 'POST' }))).toEqual([]);
    expect((await project.fhir('ValueSet/unknown/$expand')).status).toBe(404);
    expect(refusalIn(await project.fhir(`ValueSet/${id}/$expand?${url(COLOURS)}`))).toContain('400 invalid');
  });

  test('go before those of the standard, and so do code systems', async () => {
    const gender = 'http://hl7.org/fhir/ValueSet/administrative-gender';
    const before = codesIn(await expand(url(gender)));
    const system = await project.store(
      codeSystem('http://hl7.org/fhir/administrative-gender', ['any'], { publisher: 'Ours' }),
    );
    expect(codesIn(await expand(url(gender)))).toEqual(['any']);
    expect(codesIn(await expand(url(gender), nobody))).toEqual(before);
    const own = await project.store(
      valueSet(gender, { include: [{ system: 'http://x.example', concept: [{ code: 'x' }] }] }),
    );
    expect(codesIn(await expand(url(gender)))).toEqual(['x']);
    expect(codesIn(await expand(url(`${gender}|4.0.1`)))).toEqual(['any']);
    for (const { resourceType, id } of [system, own]) await project.fhir(`${resourceType}/${id}`, { method: 'DELETE' });
    expect(codesIn(await expand(url(gender)))).toEqual(before);
  });

  test('are not there for those who may not see them', async () => {
    const [shown, unseen] = ['http://sets.example/shown', 'http://sets.example/unseen'];
    const codes = 'http://codes.example/unseen';
    const ours = { publisher: 'Ours' };
    await project.store(codeSystem(codes, ['secret']));
    await project.store(valueSet(shown, { include: [{ system: codes, concept: [{ code: 'secret' }] }] }, ours));
    const { id } = await project.store(valueSet(unseen, { include: [{ system: codes }] }));
    await project.store(valueSet('http://sets.example/both', { include: [{ valueSet: [unseen] }] }, ours));
    await project.store(valueSet('http://sets.example/system', { include: [{ system: codes }] }, ours));

    const missing = (canonical: string): string => `404 not-found: There is no value set '${canonical}'.`;
    for (const member of [partial, nobody, nameless]) {
      expect(refusalIn(await expand(url(unseen), member))).toBe(missing(unseen));
    }
    // What is known of a code is what the value set says of it, as of a system that nobody has stored.
    expect(expandedIn(await expand(url(shown), partial)).expansion.contains).toEqual([
      { system: codes, code: 'secret' },
    ]);
    expect(expandedIn(await expand(url(shown))).expansion.contains).toEqual([
      { system: codes, code: 'secret', display: 'SECRET' },
    ]);
    expect(refusalIn(await expand(url('http://sets.example/both'), partial))).toBe(
      `422 not-supported: The value set http://sets.example/both is made of the value set ${unseen}, which is not here.`,
    );
    expect(refusalIn(await expand(url('http://sets.example/system'), partial))).toBe(
      `422 not-supported: The value set http://sets.example/system needs the codes of ${codes}, which are not here.`,
    );
    // What hides the composition leaves a value set that does not say what it has.
    expect(refusalIn(await expand(url(shown), blind))).toBe(
      `422 not-supported: The value set ${shown} does not say which codes it has.`,
    );
    const fields = await project.fhir('ValueSet/$expand', {
      method: 'POST',
      body: valueSet('http://sets.example/sent', { include: [{ system: codes }] }),
      as: blind,
    });
    expect(refusalIn(fields)).toContain(
      `422 not-supported: The value set http://sets.example/sent needs the codes of ${codes}`,
    );
    expect((await project.fhir(`ValueSet/${id}/$expand`, { as: partial })).status).toBe(403);
    expect((await project.fhir(`ValueSet/${id}/$expand`, { as: blind })).status).toBe(422);
  });

  test('are nobody else’s: another project does not have them', async () => {
    const other = await anAdministeredProject(plane, await plane.createProject('other-expansions'));
    expect((await other.fhir(`ValueSet/$expand?${url(COLOURS)}`)).status).toBe(404);
  });

  test('are all found when there are more than a page of them', async () => {
    const canonical = 'http://sets.example/many';
    const entry = Array.from({ length: 120 }, (_, version) => ({
      request: { method: 'POST', url: 'ValueSet' },
      resource: valueSet(
        canonical,
        { include: [{ system: 'http://x.example', concept: [{ code: `v${version}` }] }] },
        {
          version: String(version === 0 ? 1_000 : version),
        },
      ),
    }));
    const stored = await project.fhir('', {
      method: 'POST',
      body: { resourceType: 'Bundle', type: 'transaction', entry },
    });
    expect(stored.status).toBe(200);
    expect(codesIn(await expand(url(canonical)))).toEqual(['v0']);
    expect(codesIn(await expand(url(`${canonical}|7`)))).toEqual(['v7']);
  });

  test('may be as long as a code system that somebody uses, and are filtered as quickly', async () => {
    const codes = Array.from({ length: 20_000 }, (_, n) => `c${n}`);
    await project.store(codeSystem('http://codes.example/long', codes));
    await project.store(valueSet('http://sets.example/long', { include: [{ system: 'http://codes.example/long' }] }));
    const found = expandedIn(await expand(url('http://sets.example/long', '&filter=c1999&count=3')));
    expect(found.expansion).toMatchObject({
      total: 11,
      contains: [{ code: 'c1999' }, { code: 'c19990' }, { code: 'c19991' }],
    });
  });
});

test('the operation is declared', async () => {
  const metadata = JSON.parse((await project.fhir('metadata')).text) as {
    rest: { resource: { type: string; operation: { name: string; definition: string }[] }[] }[];
  };
  const operations = metadata.rest[0]?.resource.find(({ type }) => type === 'ValueSet')?.operation;
  const definition = 'http://hl7.org/fhir/OperationDefinition/ValueSet-expand';
  expect(operations).toContainEqual({ name: 'expand', definition });
  expect(await project.found(`OperationDefinition?url=${definition}`)).toHaveLength(1);
});

test('a project of another version has the value sets of that version', async () => {
  const five = await plane.createProject('expansions-five', '5.0.0');
  const answer = await plane.fhir(five, `ValueSet/$expand?${url(MARITAL, '&filter=mar&count=1')}`);
  expect(expandedIn(answer).expansion.contains).toEqual([
    { system: 'http://terminology.hl7.org/CodeSystem/v3-MaritalStatus', code: 'M', display: 'Married' },
  ]);
  expect(
    codesIn(await plane.fhir(five, `ValueSet/$expand?${url('http://hl7.org/fhir/ValueSet/encounter-status|5.0.0')}`)),
  ).toContain('discharged');
  const types = url('https://medplum.com/fhir/ValueSet/resource-types', '&filter=transport');
  expect(codesIn(await plane.fhir(five, `ValueSet/$expand?${types}`))).toEqual(['Transport']);
});
