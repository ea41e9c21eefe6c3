/** Who asks for a slot: an operation that somebody waits for, or the stock of spares. */
export type BuildPriority = 'operation' | 'stock';

/**
 * Limits how many databases this process builds at once on one cluster. CREATE DATABASE from one template reaches its
 * highest rate at four in parallel and falls to less than two thirds of it at eight, with a tail of seconds. Operations
 * go before the stock, and within each the order is that of asking.
 */
export class BuildSlots {
  private free: number;
  private readonly waiting: Record<BuildPriority, (() => void)[]> = { operation: [], stock: [] };

  constructor(slots = 4) {
    this.free = slots;
  }

  /** Runs `work` as soon as there is a slot, and gives the slot back however the work ends. */
  async run<T>(priority: BuildPriority, work: () => Promise<T>): Promise<T> {
    await this.acquire(priority);
    try {
      return await work();
    } finally {
      this.release();
    }
  }

  private async acquire(priority: BuildPriority): Promise<void> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting[priority].push(resolve));
  }

  /** A slot goes from hand to hand, so that nobody who asks in between can overtake. */
  private release(): void {
    const next = this.waiting.operation.shift() ?? this.waiting.stock.shift();
    if (next) next();
    else this.free++;
  }
}
