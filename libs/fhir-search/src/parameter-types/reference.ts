/**
 * Reference parameters (https://hl7.org/fhir/R4/search.html#reference). A reference is compared as text: `Type/id` for
 * resources of the project, an absolute URL for others, a canonical for canonicals. What the index holds per reference:
 * the text itself; without its version, for a versioned reference or canonical; its identifier, for `:identifier`; and
 * its display, for `:text`.
 */
import { isJsonObject, tooCostly, type JsonValue, type SearchParameter, type TypedValue } from '#fhir';
import type { Criterion } from '../search-request.js';
import { referenceText } from '../token-texts.js';
import { unescapeValue } from '../value-text.js';
import { displayCondition, displaysOf, parseDisplay } from './display.js';
import {
  badValue,
  modifierNotSupported,
  hierarchyNotSupported,
  type IndexWriter,
  type ParameterType,
  type ParseContext,
} from './parameter-type.js';
import { identifierCondition, indexSystemAndCode, parseTokenValue } from './token.js';

/** A bare id stands for as many references as there are types that the parameter may point to. */
const maxTargets = 1000;

type ReferenceCriterion = Extract<Criterion, { kind: 'reference' | 'reference-identifier' | 'display' }>;

/** Modifiers about what stands above or below the target, or about the versions of a canonical address. */
const hierarchyModifiers = new Set(['above', 'below']);

export const reference: ParameterType<ReferenceCriterion> = {
  parse(parameter, modifier, values, context) {
    const { code, key } = parameter;
    if (modifier === 'identifier') {
      const identifiers = values.map((value) => parseTokenValue(code, value));
      return { kind: 'reference-identifier', parameter: { code, key }, values: identifiers };
    }
    if (modifier === 'text') return parseDisplay({ code, key, indexKeys: [key] }, values);
    return { kind: 'reference', parameter: { code, key }, targets: parseTargets(parameter, values, context, modifier) };
  },

  toCondition(criterion, hasher) {
    if (criterion.kind === 'display') return displayCondition(criterion);
    const parameter = criterion.parameter.key;
    if (criterion.kind === 'reference-identifier') {
      return identifierCondition(parameter, 'identifier', criterion.values, hasher);
    }
    const targets = [...new Set(criterion.targets)];
    return {
      kind: 'reference',
      parameters: [parameter],
      targets: targets.map((target) => hasher.hash(referenceText(target))),
    };
  },

  index({ key }, values, writer) {
    for (const value of values) {
      indexReference(key, value, writer);
      for (const text of displaysOf(value)) writer.display(text);
    }
  },
};

/**
 * The exact texts of the references that `values` (escapes in place) stand for. Throws an OutcomeError for a modifier that
 * names no type to which the parameter points, or for too many references.
 */
export function parseTargets(
  parameter: Pick<SearchParameter, 'code' | 'targets'>,
  values: readonly string[],
  context: ParseContext,
  modifier?: string,
): string[] {
  const types = targetTypes(parameter, modifier, context);
  const targets = values.flatMap((value) => targetsOf(parameter.code, unescapeValue(value), types, context));
  if (targets.length > maxTargets) {
    throw tooCostly(`The values of '${parameter.code}' stand for ${targets.length} references; name their types.`);
  }
  return targets;
}

interface TargetTypes {
  readonly types: readonly string[];
  /** True when the search itself named the type: then an id stands for that type and no other. */
  readonly named: boolean;
}

function targetTypes(
  parameter: Pick<SearchParameter, 'code' | 'targets'>,
  modifier: string | undefined,
  context: ParseContext,
): TargetTypes {
  const allowed = parameter.targets.length > 0 ? parameter.targets : context.resourceTypes;
  if (modifier === undefined) return { types: allowed, named: false };
  if (hierarchyModifiers.has(modifier)) {
    throw hierarchyNotSupported(parameter.code, modifier, 'what is above or below a resource or a version');
  }
  if (!context.isResourceType(modifier)) throw modifierNotSupported(parameter.code, modifier);
  if (!allowed.includes(modifier)) {
    throw badValue(parameter.code, `:${modifier}`, `it points to ${allowed.join(', ')} only`);
  }
  return { types: [modifier], named: true };
}

const bareId = /^[A-Za-z0-9\-.]{1,64}$/;
const typeAndId = /^([A-Z][A-Za-z]*)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[A-Za-z0-9\-.]{1,64})?$/;

function targetsOf(code: string, value: string, { types, named }: TargetTypes, context: ParseContext): string[] {
  if (bareId.test(value)) return types.map((type) => `${type}/${value}`);
  const target = context.localReference(value);
  const relative = typeAndId.exec(target);
  if (relative && named && !types.includes(relative[1] ?? '')) {
    throw badValue(code, value, `the modifier asks for ${types.join(', ')}`);
  }
  return [target];
}

function indexReference(parameter: number, { type, value }: TypedValue, writer: IndexWriter): void {
  if (typeof value === 'string') return indexTarget(value, writer);
  if (!isJsonObject(value)) return;
  if (type === 'CodeableReference') {
    return indexReference(parameter, { type: 'Reference', value: value['reference'] ?? null }, writer);
  }
  if (typeof value['reference'] === 'string') indexTarget(value['reference'], writer);
  indexIdentifier(parameter, value['identifier'], writer);
}

function indexIdentifier(parameter: number, identifier: JsonValue | undefined, writer: IndexWriter): void {
  if (!isJsonObject(identifier)) return;
  indexSystemAndCode(parameter, 'identifier', identifier['system'], identifier['value'], writer);
}

function indexTarget(text: string, writer: IndexWriter): void {
  // A contained resource has no address outside its container.
  if (text === '' || text.startsWith('#')) return;
  const target = writer.localReference(text);
  writer.reference(target);
  writer.sortText(target);
  const unversioned = target.replace(/\/_history\/[^/]*$/, '').replace(/\|[^|]*$/, '');
  if (unversioned !== target && unversioned !== '') writer.reference(unversioned);
}
