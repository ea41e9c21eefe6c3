/**
 * Strict reading of JSON text (RFC 8259) into its normal form: the same text without white space outside strings.
 * Numbers and strings keep the characters they came with, members keep their order, so that what a client stores is what
 * it gets back. Beyond the grammar these are refused, because two readers could understand them differently or the
 * database could not keep them: duplicate member names, a byte order mark, NUL characters, unpaired surrogates, and
 * nesting deeper than the limit.
 *
 * One pass, no recursion, time linear in the length of the text.
 */
import { badRequest } from '../outcomes/outcome-error.js';
import type { Span } from './members.js';
import { ObjectKeys } from './object-keys.js';

export interface NormalFormOptions {
  /** How many objects and arrays may be open at once. */
  maxDepth: number;
  /** Replaces the value of a string (never a member name); `undefined` keeps it. */
  rewrite?: (text: string) => string | undefined;
}

export interface NormalForm {
  text: string;
  /** Where the members of the outermost object are in `text`; empty when it is no object. */
  members: Span[];
}

/** The normal form of `text`. Throws OutcomeError `invalid`, which says where and what, when the text is refused. */
export function normalForm(text: string, options: NormalFormOptions): NormalForm {
  return new Scanner(text, options).scan();
}

const tab = 0x09;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const quote = 0x22;
const plus = 0x2b;
const comma = 0x2c;
const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const letterU = 0x75;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const firstSurrogate = 0xd800;
const byteOrderMark = 0xfeff;

const literals = new Map([
  [0x74, 'true'],
  [0x66, 'false'],
  [0x6e, 'null'],
]);
/** The characters that may follow a backslash, `u` apart. */
const simpleEscapes = new Set([...'"\\/bfnrt'].map((character) => character.charCodeAt(0)));

class Scanner {
  private position = 0;
  /** The part of the normal form that is finished; it stands for `text` up to `copied`. */
  private finished = '';
  private copied = 0;
  private depth = 0;
  /** Per depth: is the open container an object? */
  private readonly inObject: boolean[] = [];
  private readonly keys: ObjectKeys;
  private readonly members: Span[] = [];

  constructor(
    private readonly text: string,
    private readonly options: NormalFormOptions,
  ) {
    this.keys = new ObjectKeys(text);
  }

  scan(): NormalForm {
    if (this.text.charCodeAt(0) === byteOrderMark) this.fail('it starts with a byte order mark');
    do {
      this.openContainersUpToScalar();
      this.closeContainers();
    } while (this.depth > 0);
    this.skipWhiteSpace();
    if (this.position < this.text.length) this.fail('there is more text after its end');
    const text = this.copied === 0 ? this.text : this.finished + this.text.slice(this.copied);
    return { text, members: this.members };
  }

  /** Reads a value: opens objects and arrays until a scalar or an empty container has been read. */
  private openContainersUpToScalar(): void {
    for (;;) {
      const code = this.skipWhiteSpace();
      if (code === openBrace) {
        this.open(true);
        if (this.skipWhiteSpace() === closeBrace) return;
        this.readKey();
      } else if (code === openBracket) {
        this.open(false);
        if (this.skipWhiteSpace() === closeBracket) return;
      } else {
        this.readScalar(code);
        return;
      }
    }
  }

  /** After a value: closes what ends here, then steps over the comma (and the member name) before the next value. */
  private closeContainers(): void {
    while (this.depth > 0) {
      if (this.depth === 1) this.endMember();
      const code = this.skipWhiteSpace();
      const inObject = this.inObject[this.depth - 1];
      if (code === comma) {
        this.position++;
        if (!inObject) return;
        this.skipWhiteSpace();
        this.readKey();
        return;
      }
      if (code !== (inObject ? closeBrace : closeBracket)) this.fail(`',' or '${inObject ? '}' : ']'}' is expected`);
      this.position++;
      this.depth--;
      if (inObject) this.keys.closeObject();
    }
  }

  private open(object: boolean): void {
    if (this.depth === this.options.maxDepth) {
      this.fail(`objects and arrays may be nested ${this.options.maxDepth} deep at most`);
    }
    this.position++;
    this.inObject[this.depth++] = object;
    if (object) this.keys.openObject();
  }

  private readKey(): void {
    if (this.text.charCodeAt(this.position) !== quote) this.fail('a member name in double quotes is expected');
    const start = this.position;
    const escaped = this.readString();
    const nameLength = this.position - start;
    if (!this.keys.add(start, this.position, escaped)) {
      this.position = start;
      this.fail(`the member ${this.text.slice(start, start + Math.min(nameLength, 60))} stands twice in one object`);
    }
    if (this.skipWhiteSpace() !== colon) this.fail("':' is expected");
    this.position++;
    if (this.depth === 1) this.startMember(nameLength);
  }

  /** Notes a member of the outermost object; the position is behind its colon. */
  private startMember(nameLength: number): void {
    const value = this.normalLength();
    this.members.push({ start: value - 1 - nameLength, value, end: value });
  }

  private endMember(): void {
    const member = this.members.at(-1);
    if (member) member.end = this.normalLength();
  }

  /** How long the normal form of the text so far is. */
  private normalLength(): number {
    return this.finished.length + this.position - this.copied;
  }

  private readScalar(code: number): void {
    if (code === quote) {
      const start = this.position;
      const escaped = this.readString();
      if (this.options.rewrite) this.rewriteString(start, escaped, this.options.rewrite);
    } else if (code === minus || (code >= zero && code <= nine)) {
      this.readNumber();
    } else {
      const literal = literals.get(code);
      if (literal === undefined || !this.text.startsWith(literal, this.position)) this.fail('a value is expected');
      this.position += literal.length;
    }
  }

  private rewriteString(start: number, escaped: boolean, rewrite: (text: string) => string | undefined): void {
    const value = escaped
      ? (JSON.parse(this.text.slice(start, this.position)) as string)
      : this.text.slice(start + 1, this.position - 1);
    const replacement = rewrite(value);
    if (replacement === undefined || replacement === value) return;
    this.finished += this.text.slice(this.copied, start) + JSON.stringify(replacement);
    this.copied = this.position;
  }

  /** Moves behind a string and tells whether it holds escapes. */
  private readString(): boolean {
    const { text } = this;
    let at = this.position;
    let unit: number;
    do unit = text.charCodeAt(++at);
    while (unit !== quote && unit !== backslash && unit >= space && unit < firstSurrogate);
    this.position = at;
    if (unit !== quote) return this.readRestOfString();
    this.position++;
    return false;
  }

  /** Goes on from the first character of a string that is not plain. */
  private readRestOfString(): boolean {
    let escaped = false;
    /** The string so far ends with the first half of a surrogate pair. */
    let half = false;
    for (;;) {
      const start = this.position;
      let unit = this.text.charCodeAt(start);
      if (unit === backslash) {
        escaped = true;
        unit = this.readEscape();
      } else {
        if (Number.isNaN(unit)) this.fail('a string has no end');
        if (unit < space) this.fail('control characters must be escaped');
        this.position++;
        if (unit === quote && !half) return escaped;
      }
      const low = (unit & 0xfc00) === 0xdc00;
      if (half !== low) {
        this.position = start;
        this.fail('half of a surrogate pair stands alone');
      }
      half = (unit & 0xfc00) === 0xd800;
    }
  }

  /** Moves behind an escape and returns the UTF-16 unit it stands for (any harmless one for `\n` and alike). */
  private readEscape(): number {
    const code = this.text.charCodeAt(this.position + 1);
    if (code !== letterU) {
      if (!simpleEscapes.has(code)) this.fail('there is no such escape');
      this.position += 2;
      return space;
    }
    const digits = this.text.slice(this.position + 2, this.position + 6);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail('\\u needs four hexadecimal digits');
    const unit = parseInt(digits, 16);
    if (unit === 0) this.fail('strings may not hold the character NUL');
    this.position += 6;
    return unit;
  }

  private readNumber(): void {
    if (this.text.charCodeAt(this.position) === minus) this.position++;
    if (this.text.charCodeAt(this.position) === zero) this.position++;
    else this.readDigits();
    if (this.text.charCodeAt(this.position) === point) {
      this.position++;
      this.readDigits();
    }
    if ((this.text.charCodeAt(this.position) | 0x20) !== 0x65) return;
    this.position++;
    const sign = this.text.charCodeAt(this.position);
    if (sign === plus || sign === minus) this.position++;
    this.readDigits();
  }

  private readDigits(): void {
    const start = this.position;
    let code = this.text.charCodeAt(this.position);
    while (code >= zero && code <= nine) code = this.text.charCodeAt(++this.position);
    if (this.position === start) this.fail('a digit is expected');
  }

  /** Leaves white space out of the normal form and returns the character behind it (NaN at the end of the text). */
  private skipWhiteSpace(): number {
    const start = this.position;
    let code = this.text.charCodeAt(start);
    if (code > space) return code;
    while (code === space || code === lineFeed || code === carriageReturn || code === tab) {
      code = this.text.charCodeAt(++this.position);
    }
    if (this.position > start) {
      this.finished += this.text.slice(this.copied, start);
      this.copied = this.position;
    }
    return code;
  }

  private fail(what: string): never {
    let line = 1;
    let lineStart = 0;
    for (let at = this.text.indexOf('\n'); at !== -1 && at < this.position; at = this.text.indexOf('\n', lineStart)) {
      line++;
      lineStart = at + 1;
    }
    const column = this.position - lineStart + 1;
    const problem = this.position >= this.text.length && this.text.length > 0 ? 'the text ends too early' : what;
    throw badRequest(`The body cannot be read as JSON: ${problem} (line ${line}, column ${column})`, {
      code: 'structure',
    });
  }
}
