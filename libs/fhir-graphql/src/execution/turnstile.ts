/** Lets at most `places` pieces of work run at a time, in the order in which they came. */
export class Turnstile {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly places: number) {}

  /** Settles as `work` does. */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.running === this.places) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running++;
    try {
      return await work();
    } finally {
      // The place goes to the next in line, or becomes free.
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}
