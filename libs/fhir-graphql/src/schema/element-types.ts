/**
 * The object types of a version's resources, data types and backbone elements, made from `FhirVersion.structure`.
 * `Patient.contact` becomes `PatientContact`. Fields are made when a type is first looked into.
 */
import {
  GraphQLInterfaceType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLString,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLFieldMap,
  type GraphQLOutputType,
} from 'graphql';
import type { FhirVersion, StructureElement } from '#fhir';
import type { GraphqlContext } from '../execution/graphql-context.js';
import { resolveElements, resolveMember } from '../execution/elements.js';
import { resolveReference } from '../execution/references.js';
import { IntScalar, scalarOf } from './scalars.js';

type FieldConfig = GraphQLFieldConfig<unknown, GraphqlContext>;

/** The object types by the names that `FhirVersion.structure` knows. */
export interface ElementTypes {
  /** The interface that all resources implement: what can be asked for before the type is known. */
  readonly resource: GraphQLInterfaceType;
  /** The object type of a structure. Throws for a name that has none. */
  objectType(name: string): GraphQLObjectType;
}

/** Further fields of a resource type, beside those of its structure. */
export type FurtherFields = (type: string) => GraphQLFieldMap<unknown, GraphqlContext>;

/** `reverse` is asked when a resource type's fields are first needed. */
export function elementTypes(version: FhirVersion, reverse: FurtherFields): ElementTypes {
  const made = new Map<string, GraphQLObjectType>();
  const resource: GraphQLInterfaceType = new GraphQLInterfaceType({
    name: 'Resource',
    description: 'A resource of any type. What belongs to one type is asked for in a fragment on that type.',
    fields: () => Object.fromEntries(commonMembers.map((name) => [name, resourceField(name)])),
    resolveType: (value) => (value as { resourceType: string }).resourceType,
  });

  function resourceField(name: string): FieldConfig {
    if (name === 'resourceType') return { type: new GraphQLNonNull(GraphQLString), resolve: resolveMember(name) };
    const [anyType = ''] = version.resourceTypes;
    const element = version.structure(anyType)?.find((member) => member.name === name);
    if (element === undefined) throw new Error(`FHIR ${version.label} has no member ${name} in resources`);
    return memberField(element);
  }

  function objectType(name: string): GraphQLObjectType {
    let type = made.get(name);
    if (type === undefined) {
      type = version.isResourceType(name)
        ? new ResourceObjectType(
            name,
            () => fieldsOf(name),
            resource,
            () => reverse(name),
          )
        : new GraphQLObjectType({ name: typeName(name), fields: () => fieldsOf(name) });
      made.set(name, type);
    }
    return type;
  }

  function fieldsOf(name: string): Record<string, FieldConfig> {
    const fields: Record<string, FieldConfig> = version.isResourceType(name)
      ? { resourceType: resourceField('resourceType') }
      : {};
    for (const element of structureOf(name)) {
      fields[element.name] = memberField(element);
      if (hasSibling(element)) fields[`_${element.name}`] = siblingField(element);
    }
    if (name === referenceType) fields.resource = targetField;
    return fields;
  }

  function structureOf(name: string): readonly StructureElement[] {
    const structure = version.structure(name);
    if (structure === undefined) throw new Error(`FHIR ${version.label} has no structure ${name}`);
    return structure;
  }

  function memberField(element: StructureElement): FieldConfig {
    const { name, isArray } = element;
    const isComplex = element.type === 'Resource' || version.structure(element.type) !== undefined;
    const type = isComplex ? complexType(element.type) : scalarOf(element.type);
    if (!isComplex || !isArray) return { type: isArray ? new GraphQLList(type) : type, resolve: resolveMember(name) };
    return {
      type: new GraphQLList(type),
      args: { ...filterArguments(element.type), ...windowArguments },
      resolve: resolveElements(name),
    };
  }

  const complexType = (name: string): GraphQLOutputType => (name === 'Resource' ? resource : objectType(name));

  /** The primitive members by which elements of a list can be chosen; of a choice, there would be far too many. */
  function filterArguments(name: string): GraphQLFieldConfigArgumentMap {
    const members = name === 'Resource' ? [] : structureOf(name);
    const primitives = members.filter(
      ({ type, choice }) => choice === undefined && type !== 'Resource' && version.structure(type) === undefined,
    );
    return Object.fromEntries(primitives.map((member) => [member.name, { type: GraphQLString }]));
  }

  function siblingField({ name, isArray }: StructureElement): FieldConfig {
    const type = objectType('Element');
    return { type: isArray ? new GraphQLList(type) : type, resolve: resolveMember(`_${name}`) };
  }

  /** JSON gives a primitive with an extension a sibling `_name`; ids and XHTML cannot have extensions. */
  const hasSibling = ({ name, type }: StructureElement): boolean =>
    type !== 'Resource' && type !== 'xhtml' && name !== 'id' && version.structure(type) === undefined;

  const targetField: FieldConfig = {
    type: resource,
    description: 'The resource to which the reference points. Null with an error when there is none to show.',
    args: {
      type: { type: GraphQLString, description: 'Only a resource of this type; another one is left out.' },
      optional: { type: scalarOf('boolean'), description: 'True: what cannot be shown is left out without an error.' },
    },
    resolve: resolveReference,
  };

  return { resource, objectType };
}

const referenceType = 'Reference';

const commonMembers = ['resourceType', 'id', 'meta', 'implicitRules', 'language'];

const windowArguments: GraphQLFieldConfigArgumentMap = {
  fhirpath: { type: GraphQLString, description: 'Only elements for which this FHIRPath expression is true.' },
  _count: { type: IntScalar, description: 'At most so many elements.' },
  _offset: { type: IntScalar, description: 'Leave out so many elements first.' },
};

/** `Patient.contact` is `PatientContact`. */
const typeName = (name: string): string =>
  name
    .split('.')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');

/**
 * The type of a resource. The fields by which other resources that point to it are listed are the same objects in all
 * types: each has some thirty arguments, and making them anew for each pair of types would take over a hundred MB.
 */
class ResourceObjectType extends GraphQLObjectType<unknown, GraphqlContext> {
  private all: GraphQLFieldMap<unknown, GraphqlContext> | undefined;

  constructor(
    name: string,
    fields: () => Record<string, FieldConfig>,
    resource: GraphQLInterfaceType,
    private readonly reverse: () => GraphQLFieldMap<unknown, GraphqlContext>,
  ) {
    super({ name, fields, interfaces: [resource] });
  }

  override getFields(): GraphQLFieldMap<unknown, GraphqlContext> {
    // Looked up by names that clients choose, so it must have no other members than these.
    this.all ??= Object.assign(
      Object.create(null) as GraphQLFieldMap<unknown, GraphqlContext>,
      super.getFields(),
      this.reverse(),
    );
    return this.all;
  }
}
