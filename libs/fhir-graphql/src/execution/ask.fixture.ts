/** A few resources, and asking for them, for the specs. */
import { memorySource, ownBaseUrl, type MemoryOptions } from '../memory-source.fixture.js';
import { executeGraphql, type GraphqlRequest } from './execute-graphql.js';

const observation = (id: string, patient: string, value: string) =>
  `{"resourceType":"Observation","id":"${id}","meta":{},"status":"final","code":{"coding":[{"system":"urn:c","code":"${id}"}]},` +
  `"subject":{"reference":"${patient}"},"valueQuantity":{"value":${value},"unit":"kg"}}`;

export const resources = [
  '{"resourceType":"Patient","id":"a","meta":{},"active":true,"name":[{"use":"official","family":"Quay","given":["Ana","Bo"]},{"use":"usual","given":["An"]},{"use":"maiden","family":"Pier","given":["Ana"]}],"identifier":[{"system":"urn:i","value":"1"}],"birthDate":"1990-04-01","_birthDate":{"extension":[{"url":"urn:t","valueString":"noon"}]},"managingOrganization":{"reference":"Organization/o"}}',
  '{"resourceType":"Patient","id":"b","meta":{},"active":false,"name":[{"family":"Mole"}],"managingOrganization":{"reference":"Organization/o"},"generalPractitioner":[{"reference":"Practitioner/gone"}]}',
  '{"resourceType":"Patient","id":"c","meta":{},"managingOrganization":{"reference":"#in"},"contained":[{"resourceType":"Organization","id":"in","name":"Inside"}]}',
  '{"resourceType":"Organization","id":"o","meta":{},"name":"Harbour"}',
  observation('o1', 'Patient/a', '1.00'),
  observation('o2', 'Patient/a', '2.50'),
  observation('o3', 'Patient/a', '3'),
  observation('o4', 'Patient/b', '1e3'),
  observation('o5', `${ownBaseUrl}Patient/c`, '5'),
];

/** What JSON.parse gives: each test looks into it where it knows the form. */
export type Json = ReturnType<typeof JSON.parse>;

interface Answer {
  status: number;
  data: Json;
  errors?: { message: string; path?: (string | number)[]; extensions: { resource: Json } }[];
  text: string;
  calls: string[];
}

/** Runs a query on `resources`; `calls` says what the source was asked for. */
export async function ask(
  query: string,
  request: Partial<GraphqlRequest> = {},
  options: MemoryOptions = {},
): Promise<Answer> {
  const source = memorySource(resources, options);
  const { status, body } = await executeGraphql(source, { query, ...request });
  return {
    status,
    text: body,
    calls: source.calls,
    ...(JSON.parse(body) as Pick<Answer, 'data' | 'errors'>),
  };
}
