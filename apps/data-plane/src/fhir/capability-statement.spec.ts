import { expect, test } from '@jest/globals';
import { fhirVersion, type JsonObject } from '#fhir';
import { capabilityStatement } from './capability-statement.js';

const version = fhirVersion('4.0.1');
const statementAt = (base: string) =>
  JSON.parse(capabilityStatement(version, { fhirBase: `${base}fhir/R4/`, baseUrl: base }).toString()) as JsonObject;

test('the statement is a valid resource of its version', () => {
  expect(version.validate(statementAt('https://quay.example.org/'))).toEqual([]);
});

test('only the addresses differ from project to project', () => {
  const [one, other] = [statementAt('https://a.example.org/'), statementAt('https://b.example.org/')];
  expect(JSON.stringify(one).replaceAll('//a.', '//b.')).toBe(JSON.stringify(other));
  expect(JSON.stringify(other)).not.toContain('//a.');
});
