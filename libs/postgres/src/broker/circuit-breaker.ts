const failuresToOpen = 5;
const openMs = 10_000;

/**
 * Stops dialling a database that cannot be reached. After 5 failures in a row it is open for 10 s; then one probe is
 * allowed at a time, whose success closes it and whose failure opens it again.
 */
export class CircuitBreaker {
  private failures = 0;
  private openUntil = 0;

  constructor(private readonly now: () => number) {}

  /** `closed`: dial freely; `probing`: dial once and see; `open`: do not dial. */
  get state(): 'closed' | 'probing' | 'open' {
    if (this.failures < failuresToOpen) return 'closed';
    return this.now() < this.openUntil ? 'open' : 'probing';
  }

  get hasFailures(): boolean {
    return this.failures > 0;
  }

  get retryAfterSeconds(): number {
    return Math.max(1, Math.ceil((this.openUntil - this.now()) / 1000));
  }

  succeed(): void {
    this.failures = 0;
  }

  fail(): void {
    this.failures++;
    if (this.failures >= failuresToOpen) this.openUntil = this.now() + openMs;
  }
}
