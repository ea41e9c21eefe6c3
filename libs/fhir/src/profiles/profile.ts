/** Profiles in the form in which resources are held to them. */
import type { InvariantTest } from '../validation/invariants/invariant-test.js';
import type { JsonValue } from '../json/json-value.js';
import type { Item } from './instance-items.js';

/** A StructureDefinition that constrains a type, ready to be applied. */
export interface Profile {
  readonly url: string;
  /** The definition's own version, by which canonical references may name it. */
  readonly version?: string;
  /** The type that it constrains. */
  readonly type: string;
  /** Canonical references of the profiles that it leads to: those of its elements, and the one that it is made of. */
  readonly needs: readonly string[];
  /** The profile whose rules hold besides, where this one says only what it adds. */
  readonly base?: string;
  /** What of it is not checked, and why. */
  readonly notes: readonly string[];
  readonly root: ElementRule;
  /** Roughly how many bytes of memory it takes when all of it has been made use of. */
  readonly weight: number;
}

/** What a profile demands of one element, and of those below it. */
export interface ElementRule {
  /** The element's name as definitions have it: `name`, `value[x]`. */
  readonly name: string;
  /** The same in expressions: `value`. */
  readonly segment: string;
  readonly min: number;
  readonly max: number;
  /** The types that a value may have; undefined when the profile takes none away. */
  readonly types?: ReadonlySet<string>;
  readonly fixed?: JsonValue;
  readonly pattern?: JsonValue;
  readonly maxLength?: number;
  readonly binding?: CodeBinding;
  readonly constraints: readonly Constraint[];
  /** By type, canonical references of profiles of which a value must satisfy one. */
  readonly typeProfiles: ReadonlyMap<string, readonly string[]>;
  readonly children: readonly ElementRule[];
  readonly slicing?: Slicing;
}

/** A required binding. */
export interface CodeBinding {
  /** The value set's canonical reference. */
  readonly valueSet: string;
  /** Whether all codes of the value set are known; found out when it is first asked. */
  readonly isKnown: () => boolean;
  /** False when the value has no code of the value set; true as well when its codes are not known. */
  readonly isMet: (value: JsonValue) => boolean;
}

export interface Constraint {
  readonly key: string;
  readonly human: string;
  readonly expression: string;
  readonly test: InvariantTest;
}

/** How the values of an element are divided (https://hl7.org/fhir/R4/profiling.html#slicing). */
export interface Slicing {
  readonly rules: 'open' | 'closed' | 'openAtEnd';
  readonly slices: readonly Slice[];
  /** Whether each slice is known by what distinguishes it; else nothing can be said of values that are in none. */
  readonly isWhole: boolean;
}

export interface Slice {
  readonly name: string;
  /** Whether a value belongs to the slice. */
  readonly has: (item: Item) => boolean;
  readonly rule: ElementRule;
}
