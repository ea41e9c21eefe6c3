import { randomBytes } from 'node:crypto';
import { systemPolicy } from '#access-policy';
import { fhirVersion, readResource } from '#fhir';
import { tokenHasher } from '#fhir-search';
import { ResourceRepository, tenantDatabase } from '#fhir-store';
import type { Connection, Sql } from '#postgres';

class Recorded extends Error {
  constructor(readonly statement: Sql) {
    super('recorded');
  }
}

/**
 * The statement that the platform itself sends for one repository call, taken down instead of being run: the floor
 * replays exactly these, so that it does the same work in the database. The call must begin with that statement.
 */
async function recorded(call: (repository: ResourceRepository) => Promise<unknown>): Promise<Sql> {
  const connection: Connection = {
    query: (statement) => Promise.reject(new Recorded(statement)),
    transaction: () => Promise.reject(new Error('this call opens a transaction: it is more than one statement')),
  };
  const tenant = tenantDatabase({
    projectId: '01900000-0000-7000-8000-000000000000',
    version: fhirVersion('4.0.1'),
    hasher: tokenHasher(randomBytes(32)),
    cursorKey: randomBytes(32),
    use: (work) => work(connection),
  });
  const repository = new ResourceRepository(tenant, {
    policy: systemPolicy('bench floor'),
    agent: 'ClientApplication/01900000-0000-7000-8000-000000000001',
    author: { reference: 'ClientApplication/01900000-0000-7000-8000-000000000001', display: 'Admin client' },
    requestId: '01900000-0000-7000-8000-000000000002',
  });
  const outcome: unknown = await call(repository).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof Recorded)) throw new Error('no statement was recorded', { cause: outcome });
  return outcome.statement;
}

export const recordedRead = (type: string, id: string): Promise<Sql> =>
  recorded((repository) => repository.read(type, id));

export const recordedCreate = (text: string): Promise<Sql> =>
  recorded((repository) => repository.create(readResource(text)));
