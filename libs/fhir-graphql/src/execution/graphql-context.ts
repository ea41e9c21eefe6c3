import type { GraphqlSource } from '../graphql-source.js';
import { FhirpathExpressions } from './fhirpath-expressions.js';
import type { Search } from './found-page.js';
import { ReferenceLoader } from './reference-loader.js';
import { RequestBudget } from './request-budget.js';
import { resourceObject } from './resource-objects.js';
import { ReverseLists } from './reverse-lists.js';
import { Turnstile } from './turnstile.js';

/** One tenant has few connections, and one request must not queue at all of them. */
const statementsAtATime = 2;

/** What the resolvers of one request share. Never kept beyond it. */
export class GraphqlContext {
  readonly budget = new RequestBudget();
  readonly expressions = new FhirpathExpressions(this.budget);
  readonly references: ReferenceLoader;
  readonly reverseLists: ReverseLists;
  /** For a field with `@slice`, by the path of its result: what is to be added to the name for each element. */
  readonly slices = new Map<string, readonly string[]>();
  private readonly turnstile = new Turnstile(statementsAtATime);

  constructor(readonly source: GraphqlSource) {
    const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
      this.budget.takeStatement();
      return this.turnstile.pass(work);
    };
    this.references = new ReferenceLoader(async (identities) => {
      this.budget.takeResources(identities.length);
      return inTurn(() => source.readMany(identities));
    });
    this.search = async (type, parameters) => {
      const page = await inTurn(() => source.search(type, parameters));
      this.budget.takeResources(page.resources.length);
      return { ...page, resources: page.resources.map(resourceObject) };
    };
    this.reverseLists = new ReverseLists(source, this.search);
  }

  /** One page of a search. Throws OutcomeError when the budget is used up, or what the source throws. */
  readonly search: Search;
}
