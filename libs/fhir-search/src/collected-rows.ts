/** Collects what the parameter types write about one resource, and makes the rows of the index of it: every row once. */
import type { JsonObject, SearchParameter } from '#fhir';
import { contentWords } from './content-words.js';
import type { DateRow, IndexRows, NumberRow, ReferenceRow, StringRow } from './index-rows.js';
import { cutToIndex, withoutNul } from './normalised-text.js';
import { anyScope } from './number-scopes.js';
import { displayLexeme } from './parameter-types/display.js';
import type { IndexWriter, NumberEntry } from './parameter-types/parameter-type.js';
import { timestampText } from './timestamp-text.js';
import type { TokenHasher } from './token-hasher.js';
import { greatestText, presentText, referenceInEmbeddedText, referenceText } from './token-texts.js';
import { quoteLexeme } from './words.js';

/** Longer spans of time are found by an index of their own, so that all others can be found by where they start. */
const longestRegularSpanMs = 86_400_000;

/**
 * So many entries of composites one resource may have. Nothing real comes near it, but a few lists of codings whose
 * values multiply would otherwise make a small resource cost minutes.
 */
const maxCombinations = 5000;

/** A combination with a longer text counts for several. */
const combinationCharacters = 1000;

/** By so much of a text resources are sorted. */
const maxSortText = 64;

interface Span {
  start: number;
  end: number;
}

/** The numbers of one parameter and scope. */
interface PlacedNumbers {
  readonly parameter: number;
  readonly scope: string;
  /** By node and ends. */
  readonly entries: Map<string, { lower: number; upper: number; node: number; marks: Set<string> }>;
}

export class CollectedRows {
  private readonly present: string[] = [];
  private readonly firstTokens = new Set<string>();
  private readonly tokens = new Set<string>();
  private readonly references = new Map<string, { parameter: number; target: string }>();
  private readonly strings = new Map<string, StringRow>();
  /** Per parameter, by their ends. */
  private readonly spans = new Map<number, Map<string, Span>>();
  private readonly numbers = new Map<string, PlacedNumbers>();
  private readonly displays = new Set<string>();
  private readonly sortTexts = new Map<string, string>();
  private combinationsLeft = maxCombinations;

  constructor(
    private readonly hasher: TokenHasher,
    readonly resource: JsonObject,
    readonly localReference: (reference: string) => string,
  ) {}

  /** Where the values of one parameter go. That there is such a writer means that it has a value. */
  writerFor({ code, key }: Pick<SearchParameter, 'code' | 'key'>): IndexWriter {
    this.present.push(presentText(key));
    return new ParameterWriter(this, code, key);
  }

  /** The same for a parameter of `resource`, which stands inside the one that the rows are of. */
  embeddedWriter(key: number, resource: JsonObject): IndexWriter {
    this.present.push(presentText(key));
    return new EmbeddedWriter(this, key, resource);
  }

  /** All rows. `mainDate` is the key of the type's main date parameter. */
  finish(mainDate: number | undefined): IndexRows {
    const mainSpans = mainDate === undefined ? undefined : this.spans.get(mainDate);
    const ord = mainSpans === undefined ? null : timestampText(earliestStart(mainSpans.values()));
    return {
      tokens: [
        ...[...this.firstTokens].map((text) => this.hasher.hash(text)),
        ...this.present.map((text) => this.hasher.hashOften(text)),
        ...[...this.tokens].map((text) => this.hasher.hash(text)),
      ],
      references: [...this.references.values()].map(({ parameter, target }): ReferenceRow => ({
        parameter,
        target: this.hasher.hash(referenceText(target)),
        ord,
      })),
      strings: [...this.strings.values()],
      dates: [...this.spans].flatMap(([parameter, spans]) => dateRows(parameter, [...spans.values()])),
      numbers: this.numberRows(),
      words: this.wordsText(),
      sortTexts: JSON.stringify(Object.fromEntries(this.sortTexts)),
    };
  }

  addToken(text: string): void {
    this.tokens.add(text);
  }

  /** See `IndexWriter`. */
  addFirstToken(text: string): void {
    this.firstTokens.add(text);
  }

  addReference(parameter: number, target: string): void {
    this.references.set(`${parameter} ${target}`, { parameter, target });
  }

  /** `scope` is the text of what else must be equal; empty for nothing. */
  addString(parameter: number, scopeText: string, value: string, text: string): void {
    if (value === '') return;
    const original = withoutNul(text);
    const scope = scopeText === '' ? '' : this.hasher.hash(scopeText);
    const row = { parameter, value: cutToIndex(scope + value), original };
    this.strings.set(`${parameter} ${scope} ${original}`, row);
  }

  addSpan(parameter: number, span: Span): void {
    let spans = this.spans.get(parameter);
    if (spans === undefined) this.spans.set(parameter, (spans = new Map<string, Span>()));
    spans.set(`${span.start}|${span.end}`, span);
  }

  /** See `IndexWriter`. */
  takeCombination(text: string): boolean {
    this.combinationsLeft -= 1 + Math.floor(text.length / combinationCharacters);
    return this.combinationsLeft >= 0;
  }

  addDisplay(parameter: number, text: string): void {
    this.displays.add(displayLexeme(parameter, withoutNul(text)));
  }

  /** Equal numbers of one node are one row with the marks of both. */
  addNumber(parameter: number, { scope = '', lower, upper, marks, node = 0 }: NumberEntry): void {
    const name = `${parameter} ${scope}`;
    let place = this.numbers.get(name);
    if (place === undefined) this.numbers.set(name, (place = { parameter, scope, entries: new Map() }));
    const ends = `${node}|${lower}|${upper}`;
    const equal = place.entries.get(ends);
    if (equal === undefined) place.entries.set(ends, { lower, upper, node, marks: new Set(marks) });
    else for (const mark of marks) equal.marks.add(mark);
  }

  /** The parameters of all types (`_tag`, `_profile`, …) are not sorted by. */
  addSortText(code: string, text: string): void {
    if (code.startsWith('_')) return;
    const cut = withoutNul(text).slice(0, maxSortText).toWellFormed();
    const least = this.sortTexts.get(code);
    if (least === undefined) {
      this.sortTexts.set(code, cut);
      return;
    }
    const greatest = this.sortTexts.get(greatestText(code)) ?? least;
    if (cut < least) this.sortTexts.set(code, cut);
    if (cut < least || cut > greatest) this.sortTexts.set(greatestText(code), cut > greatest ? cut : greatest);
  }

  private numberRows(): NumberRow[] {
    return [...this.numbers.values()].flatMap(({ parameter, scope: text, entries }) => {
      const scope = text === '' ? anyScope : this.hasher.hashOften(text);
      return [...entries.values()].map(({ lower, upper, node, marks }) => ({
        parameter,
        scope,
        irregular: lower !== upper || entries.size > 1,
        lower,
        upper,
        marks: [...marks].map((mark) => this.hasher.hashOften(mark)),
        node: Math.min(node, maxNode),
      }));
    });
  }

  private wordsText(): string {
    const { narrative, others } = contentWords(this.resource);
    const words = new Map<string, string>();
    for (const display of this.displays) words.set(quoteLexeme(display), '');
    // A word without a position would satisfy a query for any weight, so these have one and the least weight.
    for (const word of others) words.set(word, ':1');
    for (const word of narrative) words.set(word, ':1A');
    let bytes = 0;
    const lexemes: string[] = [];
    for (const [word, weight] of words) {
      bytes += 3 * word.length + 8;
      if (bytes > maxWordsBytes) break;
      lexemes.push(word + weight);
    }
    return lexemes.join(' ');
  }
}

/** Writes under the key of one parameter. A class, because a resource needs one for each of its parameters. */
class ParameterWriter implements IndexWriter {
  constructor(
    protected readonly rows: CollectedRows,
    private readonly code: string,
    protected readonly key: number,
  ) {}

  get resource(): JsonObject {
    return this.rows.resource;
  }

  token(text: string): void {
    this.rows.addToken(text);
  }

  firstToken(text: string): void {
    this.rows.addFirstToken(text);
  }

  reference(target: string): void {
    this.rows.addReference(this.key, target);
  }

  string(value: string, original: string): void {
    this.rows.addString(this.key, '', value, original);
  }

  scopedString(scope: string, value: string, original: string): void {
    this.rows.addString(this.key, scope, value, original);
  }

  date(start: number, end: number): void {
    this.rows.addSpan(this.key, { start, end });
  }

  number(entry: NumberEntry): void {
    this.rows.addNumber(this.key, entry);
  }

  takeCombination(text: string): boolean {
    return this.rows.takeCombination(text);
  }

  display(text: string): void {
    this.rows.addDisplay(this.key, text);
  }

  sortText(text: string): void {
    this.rows.addSortText(this.code, text);
  }

  localReference(reference: string): string {
    return this.rows.localReference(reference);
  }
}

/**
 * Nothing is sorted by what stands inside a resource, and its references are not the resource's own: no chain, include or
 * compartment may follow them.
 */
class EmbeddedWriter extends ParameterWriter {
  constructor(
    rows: CollectedRows,
    key: number,
    private readonly embedded: JsonObject,
  ) {
    super(rows, '', key);
  }

  override get resource(): JsonObject {
    return this.embedded;
  }

  override reference(target: string): void {
    this.rows.addToken(referenceInEmbeddedText(this.key, target));
  }

  override sortText(): void {
    // See above.
  }
}

/** A tsvector holds less than a megabyte; words of a document beyond that are not found. */
const maxWordsBytes = 900_000;

/** The column that holds it is a smallint. */
const maxNode = 32_767;

/** Not `Math.min` of all: a call takes only so many arguments. */
function earliestStart(spans: Iterable<Span>): number {
  let earliest = Infinity;
  for (const { start } of spans) earliest = Math.min(earliest, start);
  return earliest;
}

function dateRows(parameter: number, spans: readonly Span[]): DateRow[] {
  return spans.map(({ start, end }) => ({
    parameter,
    lower: timestampText(start),
    upper: timestampText(end),
    irregular: spans.length > 1 || end - start > longestRegularSpanMs,
  }));
}
