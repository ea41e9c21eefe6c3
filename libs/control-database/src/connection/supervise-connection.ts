import type { EventEmitter } from 'node:events';
import type { FrequentStatements } from './frequent-statements.js';

/** What is used here of pg's client as TypeORM uses it; its socket is missing in pg's type declarations. */
export interface SupervisedConnection extends EventEmitter {
  query(statement: string | NamedStatement, values?: unknown[]): Promise<unknown>;
  readonly connection: { readonly stream: { destroy(cause: Error): void } };
}

interface NamedStatement {
  readonly name: string;
  readonly text: string;
}

/** A statement that was prepared when its columns were of other types; it will never work again on that connection. */
const outdated = '0A000';

/**
 * Makes a new connection of the pool fail instead of the process, and instead of never answering; and has it prepare the
 * statements that are `frequent`.
 *
 * A connection that the server ends in the moment in which it is made is between two owners, the pool and TypeORM, and
 * its error would end the process. Whoever uses the connection meets the error all the same, with the first statement.
 *
 * A server that went away without a word (it failed over, a firewall forgot us) leaves statements without an answer until
 * TCP gives up, a quarter of an hour later. One that has no answer after `answerWithinMs()` ends its connection, which
 * fails the statement and takes the connection out of the pool.
 */
export function superviseConnection(
  connection: SupervisedConnection,
  answerWithinMs: () => number,
  frequent: FrequentStatements,
): void {
  connection.on('error', () => undefined);
  const send = connection.query.bind(connection);
  const end = (cause: Error): void => connection.connection.stream.destroy(cause);
  connection.query = async (statement, values) => {
    const withinMs = answerWithinMs();
    const giveUp = (): void => end(new Error(`The control database has not answered for ${withinMs} ms.`));
    const timer = withinMs === Infinity ? undefined : setTimeout(giveUp, withinMs);
    try {
      return await send(typeof statement === 'string' ? preparable(statement, values, frequent) : statement, values);
    } catch (error) {
      if (isOutdated(error)) end(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  };
}

/** TypeORM gives no values, not even none, with the statements of transactions and migrations. */
function preparable(
  text: string,
  values: unknown[] | undefined,
  frequent: FrequentStatements,
): string | NamedStatement {
  const name = values === undefined ? undefined : frequent.nameFor(text);
  return name === undefined ? text : { name, text };
}

const isOutdated = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && error.code === outdated;
