import type { SpareStock } from '../tenant-databases/spare-stock.js';
import type { Reconciler } from './reconciler.js';

/** It is also woken after every operation; the timer is for what other workers left. */
const everyMs = 10_000;

/** Keeps the stock of spare databases full, and finishes those that a dead worker left half-built. */
export function spareDatabases(stock: SpareStock): Reconciler {
  return { name: 'spare-databases', everyMs, run: () => stock.reconcile() };
}
