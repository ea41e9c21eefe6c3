import type { JsonObject } from '../../json/json-value.js';
import type { JudgingTime } from './judging-time.js';
import type { Item } from './paths.js';

/** What an invariant's expression can refer to besides the element it is about. */
export interface Scope {
  /** The resource that holds the element: for an element of a contained resource, that one. */
  readonly resource: JsonObject;
  /** The resource that holds the contained one; the same where nothing is contained. */
  readonly rootResource: JsonObject;
  /** What evaluating expressions may take, where nothing around it limits that. */
  readonly judging?: JudgingTime;
}

/**
 * Does the element satisfy the invariant? `undefined` when that is not known: FHIRPath has no answer, or it needs more
 * than the resource.
 */
export type InvariantTest = (element: Item, scope: Scope) => boolean | undefined;
