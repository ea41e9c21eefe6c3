/** Types of the resources that people can be in a project's data. */
export const personTypes = ['Patient', 'Practitioner', 'RelatedPerson'] as const;
export type PersonType = (typeof personTypes)[number];

/** Whether the type is one of these. */
export const isPersonType = (type: string): type is PersonType => personTypes.some((known) => known === type);

/** Types of the resources that members can be: people, or the programs themselves. */
export const profileTypes: readonly string[] = [...personTypes, 'ClientApplication', 'Bot'];
