/** What the index of a tenant database holds for one version of one resource. No row occurs twice. */
export interface IndexRows {
  /** Values for `resource.tok`, 32 hex digits each. */
  readonly tokens: string[];
  /** `ord` is the earliest start of the type's main date parameter; null if there is none. */
  readonly references: ReferenceRow[];
  readonly strings: StringRow[];
  readonly dates: DateRow[];
  readonly numbers: NumberRow[];
  /** For `resource_text.words`: the text form of a `tsvector`; empty when the resource has no words. */
  readonly words: string;
  /** For `resource.sort_texts`: a JSON object, by code of the parameter; see `greatestText`. */
  readonly sortTexts: string;
}

export interface ReferenceRow {
  readonly parameter: number;
  readonly target: string;
  readonly ord: string | null;
}

export interface StringRow {
  readonly parameter: number;
  readonly value: string;
  readonly original: string;
}

/**
 * The span [lower, upper) as timestamp texts; `-infinity` and `infinity` stand for open ends. `irregular` marks a row
 * that is longer than a day or one of several values of its parameter. Regular rows (nearly all) can be found by
 * `lower` alone, because `upper` is at most a day behind it; the few irregular ones have an index of their own.
 */
export interface DateRow {
  readonly parameter: number;
  readonly lower: string;
  readonly upper: string;
  readonly irregular: boolean;
}

/**
 * The numbers from lower to upper, both included; infinite for open ends. `irregular` marks a row with different ends or
 * one of several of its parameter and scope: all others are found by `lower` alone.
 */
export interface NumberRow {
  readonly parameter: number;
  readonly scope: string;
  readonly irregular: boolean;
  readonly lower: number;
  readonly upper: number;
  readonly marks: readonly string[];
  readonly node: number;
}
