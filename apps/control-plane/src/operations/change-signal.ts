/** Why a wait for a change is over. `time` also means: look again, an announcement may have been lost. */
export type WaitEnd = 'change' | 'time' | 'ended';

/**
 * A flag that somebody waits for. A change that comes while nobody waits is kept for the next wait, so a reader that
 * reads first and waits then misses nothing.
 */
export class ChangeSignal {
  private isRaised = false;
  private isEnded = false;
  private wakeUp: (() => void) | undefined;

  constructor(private readonly onClose: () => void) {}

  raise(): void {
    this.isRaised = true;
    this.wakeUp?.();
  }

  /** From now on no wait lasts. */
  end(): void {
    this.isEnded = true;
    this.wakeUp?.();
  }

  /** Waits for a change since the last wait, at most so long. */
  async next(timeoutMs: number): Promise<WaitEnd> {
    if (!this.isRaised && !this.isEnded) await this.sleep(timeoutMs);
    if (this.isEnded) return 'ended';
    const end = this.isRaised ? 'change' : 'time';
    this.isRaised = false;
    return end;
  }

  close(): void {
    this.end();
    this.onClose();
  }

  private async sleep(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wakeUp = resolve;
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
    this.wakeUp = undefined;
  }
}
