/**
 * Makes the index rows of one version of a resource: what every search parameter of its type finds in it, in the form
 * in which `planSearch` asks for it.
 */
import type { FhirVersion, JsonObject } from '#fhir';
import type { DateRow, IndexRows, ReferenceRow, StringRow } from './index-rows.js';
import { localReferences } from './local-reference.js';
import { cutToIndex, withoutNul } from './normalised-text.js';
import { parameterTypes } from './parameter-types/index.js';
import type { IndexWriter, ParameterType } from './parameter-types/parameter-type.js';
import { timestampText } from './timestamp-text.js';
import type { TokenHasher } from './token-hasher.js';
import { presentText, referenceText } from './token-texts.js';

/** These are columns of `resource`, set by the server. */
const columns = new Set(['_id', '_lastUpdated']);

/** Longer spans of time are found by an index of their own, so that all others can be found by where they start. */
const longestRegularSpanMs = 86_400_000;

/**
 * The rows that `resource` (of a type that `version` has) needs in the index. `ownBaseUrls` are the base URLs of the
 * project's FHIR API, each ending in a slash. Elements of an unexpected form are left out; nothing is thrown for them.
 */
export function indexResource(
  version: FhirVersion,
  hasher: TokenHasher,
  resource: JsonObject,
  ownBaseUrls: readonly string[] = [],
): IndexRows {
  const type = resource['resourceType'];
  if (typeof type !== 'string') throw new TypeError('A resource without a resourceType cannot be indexed.');
  const rows = new CollectedRows(hasher, localReferences(ownBaseUrls));
  for (const parameter of version.searchParameters(type).values()) {
    if (columns.has(parameter.code)) continue;
    const values = parameter.evaluate(resource);
    if (values.length === 0) continue;
    const parameterType: ParameterType = parameterTypes[parameter.type];
    parameterType.index(parameter, values, rows.writerFor(parameter.key));
  }
  return rows.finish(version.mainDate(type)?.key);
}

interface Span {
  start: number;
  end: number;
}

/** Collects what the parameter types write; every row once. */
class CollectedRows {
  private readonly tokens = new Set<string>();
  private readonly references = new Map<string, { parameter: number; target: string }>();
  private readonly strings = new Map<string, StringRow>();
  private readonly spans = new Map<number, Span[]>();

  constructor(
    private readonly hasher: TokenHasher,
    private readonly localReference: (reference: string) => string,
  ) {}

  writerFor(parameter: number): IndexWriter {
    this.tokens.add(presentText(parameter));
    return {
      token: (text) => this.tokens.add(text),
      reference: (target) => this.references.set(`${parameter} ${target}`, { parameter, target }),
      string: (value, original) => this.addString(parameter, value, original),
      date: (start, end) => this.addSpan(parameter, { start, end }),
      localReference: this.localReference,
    };
  }

  finish(mainDate: number | undefined): IndexRows {
    const mainSpans = mainDate === undefined ? [] : (this.spans.get(mainDate) ?? []);
    const ord = mainSpans.length === 0 ? null : timestampText(Math.min(...mainSpans.map((span) => span.start)));
    return {
      tokens: [...this.tokens].map((text) => this.hasher.hash(text)),
      references: [...this.references.values()].map(({ parameter, target }): ReferenceRow => ({
        parameter,
        target: this.hasher.hash(referenceText(target)),
        ord,
      })),
      strings: [...this.strings.values()],
      dates: [...this.spans].flatMap(([parameter, spans]) => dateRows(parameter, spans)),
    };
  }

  private addString(parameter: number, value: string, text: string): void {
    const original = withoutNul(text);
    if (value === '') return;
    this.strings.set(`${parameter} ${original}`, { parameter, value: cutToIndex(value), original });
  }

  private addSpan(parameter: number, span: Span): void {
    const spans = this.spans.get(parameter);
    if (spans === undefined) this.spans.set(parameter, [span]);
    else if (!spans.some(({ start, end }) => start === span.start && end === span.end)) spans.push(span);
  }
}

function dateRows(parameter: number, spans: readonly Span[]): DateRow[] {
  return spans.map(({ start, end }) => ({
    parameter,
    lower: timestampText(start),
    upper: timestampText(end),
    irregular: spans.length > 1 || end - start > longestRegularSpanMs,
  }));
}
