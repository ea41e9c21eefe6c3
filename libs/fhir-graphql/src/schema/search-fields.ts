/**
 * The fields by which resources are found (https://hl7.org/fhir/R4/graphql.html#searching): `XList` and `XConnection`,
 * at the root of a query and, with `_reference`, inside the resources to which an X may point.
 */
import {
  GraphQLEnumType,
  GraphQLID,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLString,
  type GraphQLEnumValueConfigMap,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLFieldMap,
} from 'graphql';
import type { FhirVersion } from '#fhir';
import type { GraphqlContext } from '../execution/graphql-context.js';
import { resolveMember } from '../execution/elements.js';
import { resolveConnection, resolveList, resolveReverseConnection, resolveReverseList } from '../execution/searches.js';
import type { ElementTypes } from './element-types.js';
import { IntScalar, scalarOf } from './scalars.js';

type FieldConfig = GraphQLFieldConfig<unknown, GraphqlContext>;
type FieldMap = GraphQLFieldMap<unknown, GraphqlContext>;

/** Parameters that belong to REST alone: GraphQL has its own way for each, or they name other types. */
const notArguments = new Set(['_query', '_has', '_type', '_in']);

/** The arguments of a search, each with the code of its search parameter: `clinical_status` is `clinical-status`. */
function searchArguments(version: FhirVersion, type: string): ReadonlyMap<string, string> {
  const codes = [...version.searchParameters(type).keys()].filter((code) => !notArguments.has(code));
  return new Map([...codes, '_filter', '_sort'].map((code) => [argumentName(code), code]));
}

const argumentName = (code: string): string => code.replaceAll('-', '_');

/** The reference parameters of `type` by argument name. */
function referenceParameters(
  version: FhirVersion,
  type: string,
): Map<string, { code: string; targets: readonly string[] }> {
  const parameters = [...version.searchParameters(type).values()].filter((parameter) => parameter.type === 'reference');
  return new Map(parameters.map(({ code, targets }) => [argumentName(code), { code, targets }]));
}

export class SearchFields {
  private readonly connections = new Map<string, GraphQLObjectType>();
  private reverse: { fields: FieldMap; byTarget: Map<string, string[]> } | undefined;

  constructor(
    private readonly version: FhirVersion,
    private readonly types: ElementTypes,
    /** Leaves out parameters that may point to (almost) every type. */
    private readonly onlySpecific: boolean,
  ) {}

  /** `PatientList` and `PatientConnection`. */
  rootFields(type: string): Record<string, FieldConfig> {
    const args = this.searchArgumentConfigs(type);
    const codes = searchArguments(this.version, type);
    return {
      [`${type}List`]: {
        type: new GraphQLList(this.types.objectType(type)),
        description: `All ${type} resources that match; too many of them without _count are an error.`,
        args,
        resolve: resolveList(type, codes),
      },
      [`${type}Connection`]: {
        type: this.connectionType(type),
        description: `The ${type} resources that match, by pages.`,
        args: {
          ...args,
          _cursor: { type: GraphQLString, description: 'The page to which first, previous or next points.' },
        },
        resolve: resolveConnection(type, codes),
      },
    };
  }

  /** The fields that list what points to resources of `target`. */
  reverseFields(target: string): FieldMap {
    this.reverse ??= this.makeReverse();
    const { fields, byTarget } = this.reverse;
    return Object.fromEntries(
      (byTarget.get(target) ?? []).flatMap((name) => (fields[name] ? [[name, fields[name]]] : [])),
    );
  }

  private makeReverse(): { fields: FieldMap; byTarget: Map<string, string[]> } {
    const configs: Record<string, FieldConfig> = {};
    const byTarget = new Map<string, string[]>(this.version.resourceTypes.map((type) => [type, []]));
    for (const type of this.version.resourceTypes) {
      const references = referenceParameters(this.version, type);
      if (references.size === 0) continue;
      const fields = this.reverseFieldsOf(
        type,
        [...references].map(([name, { code }]) => [name, code]),
      );
      Object.assign(configs, fields);
      const targets = [...references.values()].flatMap((parameter) => this.targetsOf(parameter));
      for (const target of new Set(targets)) byTarget.get(target)?.push(...Object.keys(fields));
    }
    // A type that stands in no schema turns the configurations into fields that many types can share.
    return { fields: new GraphQLObjectType({ name: 'Reverse', fields: configs }).getFields(), byTarget };
  }

  private targetsOf({ targets }: { targets: readonly string[] }): readonly string[] {
    const { resourceTypes } = this.version;
    const isSpecific = targets.length > 0 && targets.length < resourceTypes.length / 2;
    if (this.onlySpecific) return isSpecific ? targets : [];
    return targets.length > 0 ? targets : resourceTypes;
  }

  private reverseFieldsOf(
    type: string,
    references: readonly (readonly [string, string])[],
  ): Record<string, FieldConfig> {
    const args = {
      _reference: {
        type: new GraphQLNonNull(referenceEnum(type, references)),
        description: 'The search parameter that points to the resource in focus.',
      },
      ...this.searchArgumentConfigs(type),
    };
    const codes = searchArguments(this.version, type);
    return {
      [`${type}List`]: {
        type: new GraphQLList(this.types.objectType(type)),
        args,
        resolve: resolveReverseList(type, codes),
      },
      [`${type}Connection`]: { type: this.connectionType(type), args, resolve: resolveReverseConnection(type, codes) },
    };
  }

  private searchArgumentConfigs(type: string): GraphQLFieldConfigArgumentMap {
    const values = new GraphQLList(GraphQLString);
    const names = searchArguments(this.version, type).keys();
    return {
      ...Object.fromEntries([...names].map((name) => [name, { type: name === '_filter' ? GraphQLString : values }])),
      ...resultArguments,
    };
  }

  private connectionType(type: string): GraphQLObjectType {
    let made = this.connections.get(type);
    if (made === undefined) {
      made = this.makeConnection(type);
      this.connections.set(type, made);
    }
    return made;
  }

  private makeConnection(type: string): GraphQLObjectType {
    const edge = new GraphQLObjectType<unknown, GraphqlContext>({
      name: `${type}Edge`,
      fields: () => ({
        mode: { type: GraphQLString, resolve: resolveMember('mode') },
        score: { type: scalarOf('decimal'), resolve: resolveMember('score') },
        resource: { type: this.types.objectType(type), resolve: resolveMember('resource') },
      }),
    });
    const cursor: FieldConfig = { type: GraphQLID };
    return new GraphQLObjectType<unknown, GraphqlContext>({
      name: `${type}Connection`,
      fields: {
        count: { type: IntScalar, description: 'How many match in all.', resolve: resolveMember('count') },
        offset: { type: IntScalar, resolve: resolveMember('offset') },
        pagesize: { type: IntScalar, resolve: resolveMember('pagesize') },
        edges: { type: new GraphQLList(edge), resolve: resolveMember('edges') },
        first: { ...cursor, resolve: resolveMember('first') },
        previous: { ...cursor, resolve: resolveMember('previous') },
        next: { ...cursor, resolve: resolveMember('next') },
        last: { ...cursor, description: 'Always null: the last page has no address.', resolve: resolveMember('last') },
      },
    });
  }
}

const resultArguments: GraphQLFieldConfigArgumentMap = {
  _count: { type: IntScalar, description: 'At most so many resources.' },
  _offset: { type: IntScalar, description: 'Leave out so many matches first.' },
  fhirpath: { type: GraphQLString, description: 'Of those found, only resources for which this expression is true.' },
};

function referenceEnum(type: string, references: readonly (readonly [name: string, code: string])[]): GraphQLEnumType {
  const values: GraphQLEnumValueConfigMap = Object.fromEntries(
    references.map(([name, code]) => [name, { value: code }]),
  );
  return new GraphQLEnumType({ name: `${type}ReferenceParameter`, values });
}
