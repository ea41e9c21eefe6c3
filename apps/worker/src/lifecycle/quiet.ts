/** Knows whether something runs that must not be slowed down. */
export class Quiet {
  private busy = 0;
  private begun = 0;
  private readonly waiting = new Set<() => void>();

  /** Runs `work`; it is not quiet until its end. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.busy++;
    this.begun++;
    try {
      return await work();
    } finally {
      this.busy--;
      if (this.busy === 0) for (const wake of this.waiting) wake();
    }
  }

  /**
   * Resolves when nothing runs and nothing has begun for `restMs`; with 0 at once if nothing runs now. After `atMostMs` it
   * resolves in any case: one work that hangs, or one after another without a pause, must not hold up for good whoever
   * gives way to them.
   */
  async whenQuiet(restMs: number, atMostMs: number): Promise<void> {
    const latest = performance.now() + atMostMs;
    for (let leftMs = atMostMs; leftMs > 0; leftMs = latest - performance.now()) {
      if (this.busy > 0) {
        await this.whenIdle(leftMs);
        continue;
      }
      const { begun } = this;
      if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(restMs, leftMs)));
      if (this.busy === 0 && this.begun === begun) return;
    }
  }

  private whenIdle(atMostMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, atMostMs);
      this.waiting.add(wake);
    });
  }
}
