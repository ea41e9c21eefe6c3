import type { ConstraintDocument } from '../../definitions/constraint-document.js';
import { compileInvariant } from './compile-invariant.js';
import { fhirpathJudge } from './fhirpath-judge.js';
import type { InvariantTest } from './invariant-test.js';
import { knownInvariant } from './known-invariants.js';
import type { StructureOf } from './paths.js';
import { isUnchecked } from './unchecked-invariants.js';

/** One invariant at one place, ready to be tested. */
export interface Invariant {
  readonly key: string;
  /** What HL7 says it demands. */
  readonly human: string;
  readonly test: InvariantTest;
}

export interface InvariantContext {
  structure: StructureOf;
  constraints: ConstraintDocument;
  fhirpathModel: string;
}

/**
 * The invariants on the objects of a definition; with `member`, those on the values of that member (a choice by its base
 * name). Each has the quickest test there is: one of our own, one compiled from its expression, or fhirpath.
 */
export function invariantsOf(context: InvariantContext, definition: string, member = ''): Invariant[] {
  const { places, rules } = context.constraints;
  const numbers = (Object.hasOwn(places, definition) ? places[definition]?.[member] : undefined) ?? [];
  return numbers
    .flatMap((number) => rules[number] ?? [])
    .filter(({ expression }) => !isUnchecked(expression))
    .map(({ key, human, expression }) => {
      const types = member === '' ? [definition] : typesOfMember(context.structure, definition, member);
      const base = member === '' ? definition : `${definition}.${member}`;
      const judge = fhirpathJudge(context.fhirpathModel, base, expression);
      const test = knownInvariant(key, judge) ?? compileInvariant(context.structure, types, expression, judge) ?? judge;
      return { key, human, test };
    });
}

function typesOfMember(structure: StructureOf, definition: string, member: string): string[] {
  const elements = structure(definition) ?? [];
  return elements.filter(({ name, choice }) => (choice ?? name) === member).map(({ type }) => type);
}
