/**
 * Required bindings of profiles (https://hl7.org/fhir/R4/terminologies.html#required), as far as the codes of the value set
 * come with the program: a value set that enumerates codes, or takes whole code systems whose codes are all known.
 */
import { LRUCache } from 'lru-cache';
import type { BindingDocument } from '../definitions/constraint-document.js';
import { isJsonObject, type JsonObject } from '../json/json-value.js';
import type { BuiltInTerminology } from '../terminology/built-in-terminology.js';
import { canonicalText, parseCanonical } from '../terminology/canonical.js';
import type { CodeSelection } from '../terminology/value-set.js';
import { codesBySystem, isCodedFrom, isWithoutCode, type CodesBySystem } from '../validation/required-bindings.js';
import type { CodeBinding } from './profile.js';

/** Where the codes of value sets come from. */
export interface KnownCodes {
  readonly bindings: Pick<BindingDocument, 'valueSets'>;
  readonly terminology: Pick<BuiltInTerminology, 'valueSet' | 'codeSystem'>;
}

/** The binding of an element; undefined when it has none that is required. */
export function codeBinding(known: KnownCodes, { binding }: JsonObject): CodeBinding | undefined {
  if (!isJsonObject(binding) || binding.strength !== 'required' || typeof binding.valueSet !== 'string')
    return undefined;
  const { valueSet } = binding;
  const codes = () => keptCodesOf(known, valueSet);
  return {
    valueSet,
    isKnown: () => codes() !== undefined,
    isMet: (value) => {
      const listed = codes();
      if (listed === undefined) return true;
      if (typeof value === 'string') return [...listed.values()].some((ofSystem) => ofSystem.has(value));
      return !isJsonObject(value) || isWithoutCode(value) || isCodedFrom(listed, value);
    },
  };
}

/** How many value sets may be made of each other. */
const maxSteps = 5;

interface KeptCodes {
  readonly codes: CodesBySystem | undefined;
}

/** By version and value set; a code takes some 100 bytes. Thousands of elements may be bound to the same. */
const kept = new WeakMap<KnownCodes, LRUCache<string, KeptCodes>>();
const maxKeptCodes = 100_000;

function keptCodesOf(known: KnownCodes, canonical: string): CodesBySystem | undefined {
  let lists = kept.get(known);
  if (lists === undefined) kept.set(known, (lists = new LRUCache({ maxSize: maxKeptCodes })));
  const { url } = parseCanonical(canonical);
  const isListed = Object.hasOwn(known.bindings.valueSets, url);
  const key = isListed ? url : canonical;
  const found = lists.get(key);
  if (found !== undefined) return found.codes;
  // There is no end of names for what is not here.
  if (!isListed && known.terminology.valueSet(canonical) === undefined) return undefined;
  const codes = codesOf(known, canonical, maxSteps);
  const size = [...(codes?.values() ?? [])].reduce((sum, ofSystem) => sum + ofSystem.size, 1);
  lists.set(key, { codes }, { size });
  return codes;
}

/** All codes of the value set; undefined unless each of them is known. */
function codesOf(known: KnownCodes, canonical: string, steps: number): CodesBySystem | undefined {
  const { url } = parseCanonical(canonical);
  const { valueSets } = known.bindings;
  const listed = Object.hasOwn(valueSets, url) ? valueSets[url] : undefined;
  if (listed !== undefined) return codesBySystem(listed);
  const compose = known.terminology.valueSet(canonical)?.compose;
  if (compose === undefined || compose.exclude.length > 0 || !compose.inactive || steps === 0) return undefined;
  const codes = new Map<string, Set<string>>();
  for (const selection of compose.include) {
    const selected = codesOfSelection(known, selection, steps);
    if (selected === undefined) return undefined;
    for (const [system, ofSystem] of selected) codes.set(system, new Set([...(codes.get(system) ?? []), ...ofSystem]));
  }
  return codes;
}

function codesOfSelection(
  known: KnownCodes,
  { system, version, codes, filters, valueSets }: CodeSelection,
  steps: number,
): CodesBySystem | undefined {
  if (filters.length > 0) return undefined;
  if (system === undefined) {
    const [only, ...others] = valueSets;
    return only === undefined || others.length > 0 ? undefined : codesOf(known, only, steps - 1);
  }
  if (valueSets.length > 0) return undefined;
  if (codes !== undefined) return new Map([[system, new Set(codes.map(({ code }) => code))]]);
  const whole = known.terminology.codeSystem(
    canonicalText({ url: system, ...(version === undefined ? {} : { version }) }),
  );
  return whole?.isWhole === true ? new Map([[system, new Set(whole.concepts.keys())]]) : undefined;
}
