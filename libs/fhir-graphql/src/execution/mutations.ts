/** Changes (https://hl7.org/fhir/R4/graphql.html#mutations). Each is what the REST API does, with all its checks. */
import type { GraphQLFieldResolver } from 'graphql';
import type { GraphqlWriter } from '../graphql-source.js';
import type { GraphqlContext } from './graphql-context.js';
import { resourceObject } from './resource-objects.js';

type Resolver<Args> = GraphQLFieldResolver<unknown, GraphqlContext, Args>;

/** `PatientCreate`: the created resource. An id in `res` does not count. */
export function resolveCreate(type: string): Resolver<{ res: string }> {
  return async (_source, { res }, context) =>
    resourceObject(await change(context, (writer) => writer.create(type, res)));
}

/** `PatientUpdate`: the updated resource. */
export function resolveUpdate(type: string): Resolver<{ id: string; res: string }> {
  return async (_source, { id, res }, context) =>
    resourceObject(await change(context, (writer) => writer.update(type, id, res)));
}

/** `PatientDelete`: null, because there is nothing any more. */
export function resolveDelete(type: string): Resolver<{ id: string }> {
  return async (_source, { id }, context) => {
    await change(context, (writer) => writer.delete(type, id));
    return null;
  };
}

/** What was read before the change may not be so any more. */
async function change<T>(context: GraphqlContext, work: (writer: GraphqlWriter) => Promise<T>): Promise<T> {
  const { budget, source, references, reverseLists } = context;
  budget.takeStatement();
  if (source.writer === undefined) throw new Error('A request that may not change anything has come to a mutation.');
  const result = await work(source.writer);
  references.forget();
  reverseLists.forget();
  return result;
}
