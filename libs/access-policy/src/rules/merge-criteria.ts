/**
 * Alternatives that differ in the values of one condition become one condition with all of the values, which an index
 * answers at once: what fifty organizations may see is one look-up and not fifty. The work grows with the number of
 * alternatives and not with its square, because whoever writes policies decides how many there are.
 */
import type { Criterion } from '#fhir-search';

/** Conditions that must all hold. */
export type Conjunction = readonly Criterion[];

/** Longer conjunctions stay as they are: they are rare, and the work would grow with the square of their length. */
const maxConditions = 8;

/** The member that holds the alternatives of a condition. */
const alternatives: Partial<Record<Criterion['kind'], string>> = {
  id: 'ids',
  'last-updated': 'tests',
  date: 'tests',
  token: 'values',
  string: 'values',
  uri: 'values',
  reference: 'targets',
  'reference-identifier': 'values',
};

/** A condition, and what of it must be equal for conditions to be joined. */
interface Part {
  readonly criterion: Criterion;
  readonly text: string;
  /** What it asks, without the alternatives; undefined when it can have no others. */
  readonly asked: string | undefined;
  readonly values: readonly unknown[];
}

function partOf(criterion: Criterion): Part {
  const text = JSON.stringify(criterion);
  const member = alternatives[criterion.kind];
  const { [member ?? '']: values, ...asked } = criterion as unknown as Record<string, unknown>;
  const isNegated = 'negated' in criterion && criterion.negated;
  return Array.isArray(values) && !isNegated
    ? { criterion, text, asked: JSON.stringify(asked), values }
    : { criterion, text, asked: undefined, values: [] };
}

/** A conjunction that takes in others from which it differs in the values of one condition, always the same one. */
export class JoinedConjunction {
  private readonly parts: readonly Part[];
  /** The position of the condition that has the values of several, and those values by their text. */
  private joined: { readonly position: number; readonly values: Map<string, unknown> } | undefined;

  constructor(private readonly first: Conjunction) {
    this.parts = first.map(partOf);
  }

  /** Takes in `other` and returns true when one conjunction says "this or the other one"; else changes nothing. */
  take(other: Conjunction): boolean {
    const { parts } = this;
    if (parts.length !== other.length || parts.length > maxConditions) return false;
    const others = other.map(partOf);
    const differs = ({ text }: Part, position: number) =>
      position === this.joined?.position ? false : text !== parts[position]?.text;
    const position = this.joined?.position ?? others.findIndex(differs);
    const [mine, theirs] = [parts[position], others[position]];
    if (mine === undefined || theirs === undefined) return true;
    if (mine.asked === undefined || mine.asked !== theirs.asked) return false;
    if (others.some((part, at) => at !== position && differs(part, at))) return false;
    const values = this.joined?.values ?? byText(mine.values);
    for (const [text, value] of byText(theirs.values)) if (!values.has(text)) values.set(text, value);
    this.joined = { position, values };
    return true;
  }

  /** The conditions that hold exactly when those of one that was taken in do. */
  criteria(): Conjunction {
    if (this.joined === undefined) return this.first;
    const { position, values } = this.joined;
    return this.first.map((criterion, at) => {
      const member = at === position ? alternatives[criterion.kind] : undefined;
      return member === undefined ? criterion : { ...criterion, [member]: [...values.values()] };
    });
  }

  /**
   * A text that is the same for all equal conjunctions, and one for each condition that is the same for all that differ
   * from this one in the values of that condition alone.
   */
  keys(): string[] {
    const { parts } = this;
    if (parts.length > maxConditions) return [];
    const keyAt = (position: number, own: string | undefined) =>
      JSON.stringify([position, ...parts.map(({ text }, at) => (at === position ? own : text))]);
    return [keyAt(-1, undefined), ...parts.flatMap(({ asked }, at) => (asked === undefined ? [] : keyAt(at, asked)))];
  }
}

const byText = (values: readonly unknown[]): Map<string, unknown> =>
  new Map(values.map((value) => [JSON.stringify(value), value]));

/** As few conjunctions as say the same as `all` do, of which none is empty. */
export function joinAlternatives(all: readonly Conjunction[]): Conjunction[] {
  const found: JoinedConjunction[] = [];
  const byKey = new Map<string, JoinedConjunction>();
  for (const criteria of all) {
    const one = new JoinedConjunction(criteria);
    const keys = one.keys();
    if (keys.some((key) => byKey.get(key)?.take(criteria) === true)) continue;
    found.push(one);
    for (const key of keys) byKey.set(key, one);
  }
  return found.map((one) => one.criteria());
}
