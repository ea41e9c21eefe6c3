/** Composites (https://hl7.org/fhir/R4/search.html#combining): all components must fit on one node of the resource. */
import type { JsonObject, SearchParameter, TypedValue } from '#fhir';
import type { ComponentTest } from '../search-request.js';
import { matchesDate } from './dates.js';
import { matchesNumber } from './numbers.js';
import { matchesQuantity } from './quantities.js';
import { matchesReference } from './references.js';
import { matchesString } from './strings.js';
import { matchesToken } from './tokens.js';
import { matchesUri } from './uris.js';

/** Whether one of the nodes that `parameter` finds in the resource satisfies all tests of one of `values`. */
export function matchesComposite(
  parameter: SearchParameter,
  values: readonly (readonly ComponentTest[])[],
  resource: JsonObject,
  context: { readonly ownBaseUrls?: readonly string[] },
): boolean {
  return parameter.evaluate(resource).some((node) => {
    const parts = parameter.components.map((component) => component.evaluate(node, resource));
    return values.some((tests) =>
      tests.every((test, place) => (parts[place] ?? []).some((found) => componentFits(test, found, context))),
    );
  });
}

function componentFits(
  test: ComponentTest,
  found: TypedValue,
  context: { readonly ownBaseUrls?: readonly string[] },
): boolean {
  switch (test.kind) {
    case 'token':
      return matchesToken([test.value], found);
    case 'reference':
      return matchesReference(test.targets, found, context);
    case 'uri':
      return matchesUri('exact', [test.value], found);
    case 'string':
      return matchesString('starts-with', [test.value], found);
    case 'date':
      return matchesDate([test.test], found);
    case 'number':
      return matchesNumber(test.test, found);
    case 'quantity':
      return matchesQuantity(test.test, found);
  }
}
