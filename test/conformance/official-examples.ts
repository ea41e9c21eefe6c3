import type { JsonObject } from '#fhir';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The official examples of the FHIR version with that label, one text each. */
export function officialExampleTexts(label: string): string[] {
  const file = path.join('test', 'fixtures', 'fhir', label, 'examples.ndjson');
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}

/** The same, parsed. */
export const officialExamples = (label: string): JsonObject[] =>
  officialExampleTexts(label).map((line) => JSON.parse(line) as JsonObject);
