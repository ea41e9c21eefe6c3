import type { Connection } from '#postgres';
import { beginLoginAttempt } from './login-attempts.sql.js';
import { rehearseClientCredentials } from './principal.sql.js';

/**
 * Has the server read and plan now, on a new connection, what the log-in of a client will run there: a new project's first
 * request is one. Changes nothing.
 */
export async function rehearseLogIn(connection: Connection): Promise<void> {
  await Promise.all([beginLoginAttempt(connection, [], false), rehearseClientCredentials(connection)]);
}
