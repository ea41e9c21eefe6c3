/** The names of the directives that change the form of a result (https://hl7.org/fhir/R4/graphql.html#flattening). */
export const shapeDirectives = { flatten: 'flatten', first: 'first', singleton: 'singleton', slice: 'slice' } as const;
