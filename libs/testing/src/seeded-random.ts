/** Chance that can be repeated: equal seeds make equal choices, on every machine. */
export class SeededRandom {
  constructor(private state: number) {}

  /** A number in [0, 1). The generator is Mulberry32: 32 bits of state are plenty for choosing test data. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from 0 up to, and without, `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** True in the given share of cases. */
  chance(share: number): boolean {
    return this.next() < share;
  }

  /** One of the items, which must be at least one. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('There is nothing to pick from.');
    return item;
  }
}

/** How often to try: `deep` times in `npm run test:deep`, and `sample` times otherwise. */
export const runs = ({ sample, deep }: { readonly sample: number; readonly deep: number }): number =>
  process.env['BOXYARD_DEEP'] === '1' ? deep : sample;
