/** The directives of https://hl7.org/fhir/R4/graphql.html#flattening, by which a client gets a flat result. */
import {
  DirectiveLocation,
  GraphQLDirective,
  GraphQLIncludeDirective,
  GraphQLNonNull,
  GraphQLSkipDirective,
  GraphQLString,
} from 'graphql';
import { shapeDirectives } from './shape-directives.js';

const onFields = [DirectiveLocation.FIELD];

export const directives: readonly GraphQLDirective[] = [
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  new GraphQLDirective({
    name: shapeDirectives.flatten,
    description: 'The field itself is left out; its own fields stand in its place, as lists if the field is a list.',
    locations: onFields,
  }),
  new GraphQLDirective({
    name: shapeDirectives.first,
    description: 'Only the first element of the list.',
    locations: onFields,
  }),
  new GraphQLDirective({
    name: shapeDirectives.singleton,
    description: 'One value instead of a list of one; more than one is an error.',
    locations: onFields,
  }),
  new GraphQLDirective({
    name: shapeDirectives.slice,
    description: 'Puts each element of the list under a name of its own, which ends in what `path` says about it.',
    locations: onFields,
    args: {
      path: {
        type: new GraphQLNonNull(GraphQLString),
        description: 'FHIRPath on the element, or `$index`.',
      },
    },
  }),
];
