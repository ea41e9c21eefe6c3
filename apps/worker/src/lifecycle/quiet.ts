/** Knows whether something runs that must not be slowed down. */
export class Quiet {
  private busy = 0;
  private begun = 0;
  private waiting: (() => void)[] = [];

  /** Runs `work`; it is not quiet until its end. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.busy++;
    this.begun++;
    try {
      return await work();
    } finally {
      this.busy--;
      if (this.busy === 0) for (const resolve of this.waiting.splice(0)) resolve();
    }
  }

  /** Resolves when nothing runs and nothing has begun for `restMs`; with 0 at once if nothing runs now. */
  async whenQuiet(restMs = 0): Promise<void> {
    for (;;) {
      while (this.busy > 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
      const { begun } = this;
      if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
      if (this.busy === 0 && this.begun === begun) return;
    }
  }
}
