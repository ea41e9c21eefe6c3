import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';

export interface BenchReport {
  /** The name on the command line. */
  name: string;
  /** What the ratio compares with, in a few words. */
  floor: string;
  /** Our figure divided by the floor's, both from this run; above 1 is better than the floor. */
  ratio: number;
  /** Rows of the printed table; every row has the same keys. */
  rows: Record<string, string | number>[];
  /** Limits that the run checked, by name: what was measured and whether it holds. */
  checks?: Record<string, { measured: string; limit: string; holds: boolean }>;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value below which `share` (0..1) of `values` lie, by the nearest rank; throws for an empty list. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
  if (value === undefined) throw new Error('no values were measured');
  return value;
}

/** Rounds to three significant digits, for tables. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}

/** Prints the table and the closing `ratio:` line, and keeps the report as JSON under `bench/results/`. */
export async function publish(report: BenchReport): Promise<void> {
  console.table(report.rows);
  for (const [name, check] of Object.entries(report.checks ?? {})) {
    console.log(`${check.holds ? 'holds' : 'FAILS'}  ${name}: ${check.measured} (limit ${check.limit})`);
  }
  await mkdir('bench/results', { recursive: true });
  const at = new Date().toISOString().replace(/[:.]/g, '-');
  const machine = { cores: cpus().length, node: process.version };
  await writeFile(`bench/results/${report.name}-${at}.json`, JSON.stringify({ ...report, machine }, undefined, 2));
  console.log(`ratio: ${report.ratio.toFixed(2)} (floor: ${report.floor})`);
}
