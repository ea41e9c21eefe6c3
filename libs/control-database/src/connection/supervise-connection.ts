import type { EventEmitter } from 'node:events';

/** What is used here of pg's client as TypeORM uses it; its socket is missing in pg's type declarations. */
export interface SupervisedConnection extends EventEmitter {
  query(text: string, values?: unknown[]): Promise<unknown>;
  readonly connection: { readonly stream: { destroy(cause: Error): void } };
}

/**
 * Makes a new connection of the pool fail instead of the process, and instead of never answering.
 *
 * A connection that the server ends in the moment in which it is made is between two owners, the pool and TypeORM, and
 * its error would end the process. Whoever uses the connection meets the error all the same, with the first statement.
 *
 * A server that went away without a word (it failed over, a firewall forgot us) leaves statements without an answer until
 * TCP gives up, a quarter of an hour later. One that has no answer after `answerWithinMs()` ends its connection, which
 * fails the statement and takes the connection out of the pool.
 */
export function superviseConnection(connection: SupervisedConnection, answerWithinMs: () => number): void {
  connection.on('error', () => undefined);
  const send = connection.query.bind(connection);
  connection.query = async (text, values) => {
    const withinMs = answerWithinMs();
    if (withinMs === Infinity) return send(text, values);
    const timer = setTimeout(() => {
      const cause = new Error(`The control database has not answered for ${withinMs} ms.`);
      connection.connection.stream.destroy(cause);
    }, withinMs);
    try {
      return await send(text, values);
    } finally {
      clearTimeout(timer);
    }
  };
}
