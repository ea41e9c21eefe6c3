import { ask } from './ask.fixture.js';

describe('references', () => {
  it('are resolved, and those of one level are read together, each once', async () => {
    const { data, errors, calls } = await ask(
      '{ PatientList(_id: [a, b]) { id managingOrganization { reference resource { resourceType ... on Organization { name } } } } }',
    );
    expect(errors).toBeUndefined();
    const organization = { reference: 'Organization/o', resource: { resourceType: 'Organization', name: 'Harbour' } };
    expect(data.PatientList).toEqual([
      { id: 'a', managingOrganization: organization },
      { id: 'b', managingOrganization: organization },
    ]);
    expect(calls).toEqual(['search Patient _id=a,b&_count=1000', 'read Organization/o']);
  });

  it('lead to contained resources too', async () => {
    const { data } = await ask(
      '{ Patient(id: "c") { managingOrganization { resource { ... on Organization { name } } } } }',
    );
    expect(data.Patient.managingOrganization.resource).toEqual({ name: 'Inside' });
  });

  it('are an error when they cannot be resolved, unless they are optional', async () => {
    const query = (args: string) => `{ Patient(id: "b") { id generalPractitioner { resource${args} { id } } } }`;
    const strict = await ask(query(''));
    expect(strict.data).toEqual({ Patient: { id: 'b', generalPractitioner: [{ resource: null }] } });
    expect(strict.errors?.[0]?.path).toEqual(['Patient', 'generalPractitioner', 0, 'resource']);
    const optional = await ask(query('(optional: true)'));
    expect(optional.data).toEqual(strict.data);
    expect(optional.errors).toBeUndefined();
  });

  it('can be narrowed to a type, whose fields then need no fragment', async () => {
    const { data, errors } = await ask(`{ ObservationList(_id: o1) { subject {
      resource(type: Patient) { birthDate }
      resource(type: Group) { quantity }
    } other: subject { resource(type: Group) { quantity } } } }`);
    expect(errors).toBeUndefined();
    expect(data.ObservationList).toEqual([
      { subject: { resource: { birthDate: '1990-04-01' } }, other: { resource: null } },
    ]);
  });
});
