import { supportedFhirVersions, type JsonObject } from '#fhir';
import { aDataPlane, type TestPlane, type TestProject } from '../../integration/data-plane.fixture.js';
import { officialExamples } from '../official-examples.js';
import { graphqlCases } from './graphql.cases.js';

const wanted = ['Patient/example', 'Observation/example', 'Condition/example', 'Organization/1'];

const addressOf = ({ resourceType, id }: JsonObject): string => `${resourceType as string}/${id as string}`;

let plane: TestPlane;

beforeAll(async () => {
  plane = await aDataPlane();
}, 60_000);

afterAll(() => plane?.close());

describe.each(supportedFhirVersions())('GraphQL over FHIR $label', ({ id, label }) => {
  let project: TestProject;

  beforeAll(async () => {
    project = await plane.createProject(`graphql-${label.toLowerCase()}`, id);
    const examples = officialExamples(label).filter((resource) => wanted.includes(addressOf(resource)));
    expect(examples.length).toBeGreaterThanOrEqual(3);
    const broken = {
      resourceType: 'Patient',
      id: 'broken',
      managingOrganization: { reference: 'Organization/gone' },
      generalPractitioner: [{ reference: 'https://elsewhere.example.org/Practitioner/1' }],
    };
    for (const resource of [...examples, broken]) {
      const address = addressOf(resource);
      const answer = await plane.fhir(project, address, { method: 'PUT', body: JSON.stringify(resource) });
      expect([address, answer.status]).toEqual([address, 201]);
    }
  }, 60_000);

  test.each(graphqlCases)('$query', async ({ query, variables, instance, data, errors = 0 }) => {
    const path = instance === undefined ? '$graphql' : `${instance}/$graphql`;
    const answer = await plane.fhir(project, path, {
      method: 'POST',
      body: JSON.stringify({ query, variables }),
      headers: { 'content-type': 'application/json' },
    });
    const result = JSON.parse(answer.text) as { data?: unknown; errors?: unknown[] };
    expect({ data: result.data, errors: result.errors?.length ?? 0 }).toEqual({ data, errors });
  });
});
