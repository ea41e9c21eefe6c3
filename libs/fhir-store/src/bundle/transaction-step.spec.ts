import { policyByType } from '#access-policy';
import { fhirVersion } from '#fhir';
import type { Context } from '../rights/rights.js';
import { readSteps } from './transaction-step.js';

const policy = policyByType(() => true, { reason: 'test', projectAdmin: true });
const context = { tenant: { version: fhirVersion('R4') }, caller: { policy } } as unknown as Context;
const settings = {
  isStrict: true,
  validation: 'invariants',
  checksReferences: false,
  defaultProfiles: new Map(),
} as const;
const bundle = {
  baseUrl: 'https://quay.example.org/fhir/R4/',
  extended: false,
  handling: 'strict',
  returns: 'minimal',
} as const;

test('others get their turn while the entries of a large transaction are read', async () => {
  const entries = Array.from({ length: 1000 }, () => ({
    entry: { request: { method: 'POST', url: 'Patient' } },
    resource: '{"resourceType":"Patient","active":true}',
  }));
  let turns = 0;
  const count = (): void => {
    turns += 1;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  try {
    const steps = await readSteps(context, settings, entries, bundle);
    expect(steps.map(({ index }) => index)).toEqual(entries.map((_, index) => index));
  } finally {
    clearImmediate(next);
  }
  // After each two hundred, once while the requests are read and once while the resources are.
  expect(turns).toBeGreaterThanOrEqual(8);
});
