import type { SharedResources } from './lifecycle-action.js';

/**
 * Keeps what the steps of one run share, and closes it, last opened first, when the run ends. Nobody gets what opens later
 * than that.
 */
export class RunResources implements SharedResources {
  private readonly opened = new Map<string, Promise<unknown>>();
  private readonly closers: (() => Promise<void>)[] = [];
  private closed = false;

  get<Resource>(
    name: string,
    open: () => Promise<Resource>,
    close?: (resource: Resource) => Promise<void>,
  ): Promise<Resource> {
    const existing = this.opened.get(name) as Promise<Resource> | undefined;
    if (existing) return existing;
    const opening = this.open(name, open, close);
    this.opened.set(name, opening);
    return opening;
  }

  /** What failed to open is forgotten, so that a later step may try again. */
  private async open<Resource>(
    name: string,
    open: () => Promise<Resource>,
    close?: (resource: Resource) => Promise<void>,
  ): Promise<Resource> {
    this.assertOpen(name);
    try {
      const resource = await open();
      if (this.closed) await close?.(resource);
      this.assertOpen(name);
      if (close) this.closers.push(() => close(resource));
      return resource;
    } catch (error) {
      this.opened.delete(name);
      throw error;
    }
  }

  private assertOpen(name: string): void {
    if (this.closed) throw new Error(`The run has ended; "${name}" is not opened any more.`);
  }

  /** Closes everything. Rejects when all were tried, with whatever could not be closed. */
  async close(): Promise<void> {
    this.closed = true;
    const failures: unknown[] = [];
    for (const close of this.closers.splice(0).toReversed()) {
      await close().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Not all that the run had opened could be closed.');
  }
}
