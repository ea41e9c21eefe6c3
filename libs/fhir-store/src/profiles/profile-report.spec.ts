import { policyByType } from '#access-policy';
import type { JsonObject } from '#fhir';
import type { ReadingScope } from '../reading/reading-scope.js';
import type { Context } from '../rights/rights.js';
import { profileReport } from './profile-report.js';

const definition: JsonObject = { resourceType: 'StructureDefinition', derivation: 'constraint' };

/** What is said of definitions in a project in which each of them runs out of time, and how many have been read. */
function slowProject(projectId: string) {
  let compiled = 0;
  const compile = (): object => {
    compiled++;
    return { ranOut: 'itself' };
  };
  const tenant = { projectId, version: { definitions: () => [], profiles: { compile } } };
  const caller = { policy: policyByType(() => true, { reason: 'test', projectAdmin: true }) };
  const context = { tenant, caller } as unknown as Context;
  return {
    report: (resource: JsonObject) => profileReport(context, {} as ReadingScope, resource, []),
    compiled: () => compiled,
  };
}

test('a definition that is asked about again and again is not read when it has taken too long', async () => {
  const { report, compiled } = slowProject('asks-again');
  const told = [expect.objectContaining({ text: 'It takes too long to be read as a profile.' })];
  for (let time = 0; time < 3; time++) expect(await report(definition)).toEqual(told);
  await expect(report(definition)).rejects.toMatchObject({ category: 'too-costly' });
  expect(compiled()).toBe(3);
});

test('a definition that is asked about is not read when it is longer than a stored one may be', async () => {
  const { report, compiled } = slowProject('asks-long');
  const [issue] = await report({ ...definition, description: 'x'.repeat(1_000_000) });
  expect([issue?.text, compiled()]).toEqual(['It cannot be applied as a profile: it is too long.', 0]);
});
