/**
 * Loaded into a data plane with `--import`: appends every statement that the process sends to the database named by
 * BENCH_DATABASE to the file named by BENCH_STATEMENTS, a JSON line each. What the audit of reads writes in the background belongs to no request and
 * is left out.
 */
import { appendFileSync } from 'node:fs';
import pg from 'pg';

const database = process.env['BENCH_DATABASE'];
const file = process.env['BENCH_STATEMENTS'];
if (file === undefined) throw new Error('BENCH_STATEMENTS names no file.');

const backgroundNames: ReadonlySet<string> = new Set(['store_audit', 'store_audit_retention']);
const background = /seal_audit|expire_audit|refresh_statistics|^DEALLOCATE/;

interface Queried {
  readonly name?: string;
  readonly text?: string;
  readonly values?: readonly unknown[];
}

type Query = (this: pg.Client, queried: string | Queried, ...rest: unknown[]) => unknown;

const original = Reflect.get(pg.Client.prototype, 'query') as Query;

function recordingQuery(this: pg.Client, queried: string | Queried, ...rest: unknown[]): unknown {
  const { name, text, values = [] }: Queried = typeof queried === 'string' ? { text: queried } : queried;
  const isRequests = text !== undefined && !backgroundNames.has(name ?? '') && !background.test(text);
  if (isRequests && this.database === database) {
    appendFileSync(file ?? '', `${JSON.stringify({ name, text, values })}\n`);
  }
  return original.call(this, queried, ...rest);
}

Reflect.set(pg.Client.prototype, 'query', recordingQuery);
