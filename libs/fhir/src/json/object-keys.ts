/**
 * Finds duplicate member names while a text is scanned. Names are compared as the strings they mean: `"a"` and
 * `"\u0061"` are the same. Small objects, nearly all, compare short fingerprints in a list and allocate nothing; objects
 * with many members get a Set, so that the time stays linear whatever the names are.
 */
export class ObjectKeys {
  /** The names of all open objects, innermost last: a fingerprint, and where the name's text starts and ends. */
  private readonly fingerprints: number[] = [];
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];
  private count = 0;
  /** Per open object: where its names begin in the lists above, and its Set once it is large. */
  private readonly firsts: number[] = [];
  private readonly sets: (Set<string> | undefined)[] = [];

  constructor(private readonly text: string) {}

  openObject(): void {
    this.firsts.push(this.count);
    this.sets.push(undefined);
  }

  closeObject(): void {
    this.count = this.firsts.pop() ?? 0;
    this.sets.pop();
  }

  /** Adds the name whose text, quotes included, is [start, end). False when the innermost open object has it already. */
  add(start: number, end: number, escaped: boolean): boolean {
    const set = this.sets[this.sets.length - 1];
    if (set) return addTo(set, this.name(start, end));
    const first = this.firsts[this.firsts.length - 1] ?? 0;
    const fingerprint = escaped ? fingerprintOf(this.name(start, end)) : fingerprintAt(this.text, start + 1, end - 1);
    for (let index = first; index < this.count; index++) {
      if (this.fingerprints[index] === fingerprint && this.nameAt(index) === this.name(start, end)) return false;
    }
    this.fingerprints[this.count] = fingerprint;
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.count++;
    if (this.count - first > maxCompared) this.sets[this.sets.length - 1] = this.namesSince(first);
    return true;
  }

  private namesSince(first: number): Set<string> {
    const names = new Set<string>();
    for (let index = first; index < this.count; index++) names.add(this.nameAt(index));
    return names;
  }

  private nameAt(index: number): string {
    return this.name(this.starts[index] ?? 0, this.ends[index] ?? 0);
  }

  private name(start: number, end: number): string {
    const name = this.text.slice(start + 1, end - 1);
    return name.includes('\\') ? (JSON.parse(`"${name}"`) as string) : name;
  }
}

/** Above this many members a Set is quicker than comparing with each, also when all fingerprints are the same. */
const maxCompared = 24;

function addTo(set: Set<string>, name: string): boolean {
  const size = set.size;
  return set.add(name).size > size;
}

function fingerprintOf(name: string): number {
  return fingerprintAt(name, 0, name.length);
}

/** Length, first, middle and last character: enough to tell apart nearly all names that stand in one object. */
function fingerprintAt(text: string, start: number, end: number): number {
  if (end === start) return 0;
  const middle = (start + end) >> 1;
  const characters = (text.charCodeAt(start) << 16) ^ (text.charCodeAt(middle) << 8) ^ text.charCodeAt(end - 1);
  return characters ^ ((end - start) << 24);
}
