/** Every REST case, through the whole server, in a project of each FHIR version. */
import { supportedFhirVersions } from '#fhir';
import { aDatabase, type RunningPlatform, startPlatform } from '#testing';
import { bundleCases } from './bundle.cases.js';
import { conditionalCases } from './conditional.cases.js';
import { converse, type Target } from './conversation.js';
import { historyCases } from './history.cases.js';
import { linkCases } from './link.cases.js';
import { negotiationCases } from './negotiation.cases.js';
import { operationCases } from './operation.cases.js';
import { patchCases } from './patch.cases.js';
import { resourceCases } from './resource.cases.js';
import type { RestCase } from './rest-case.js';
import { searchCases } from './search.cases.js';
import { shownPartsCases } from './shown-parts.cases.js';

const tables: readonly [string, readonly RestCase[]][] = [
  ['resources', resourceCases],
  ['conditions', conditionalCases],
  ['patches', patchCases],
  ['history', historyCases],
  ['bundles', bundleCases],
  ['links', linkCases],
  ['operations', operationCases],
  ['searches', searchCases],
  ['parts of resources', shownPartsCases],
  ['content negotiation', negotiationCases],
];

let platform: RunningPlatform;

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
}, 120_000);

afterAll(() => platform?.stop());

describe.each(supportedFhirVersions())('in FHIR $label', ({ label }) => {
  let target: Target;
  beforeAll(async () => {
    const project = await platform.createProject(`rest-${label.toLowerCase()}`, { fhirVersion: label });
    target = {
      base: `${project.baseUrl}fhir/${label}/`,
      authorization: `Bearer ${await platform.clientToken(project)}`,
    };
  });

  describe.each(tables)('%s', (name, all) => {
    const cases = all.filter(({ versions }) => versions?.includes(label) ?? true);
    test.each(cases)('$title ($spec)', (one) =>
      converse(target, one, `${name.replace(/\W/g, '-')}-${all.indexOf(one)}`),
    );
  });
});
