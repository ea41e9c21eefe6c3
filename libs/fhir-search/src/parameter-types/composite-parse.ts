import type { SearchComponent, SearchParameter } from '#fhir';
import { normaliseText } from '../normalised-text.js';
import type { ComponentTest } from '../search-request.js';
import { unescapeValue } from '../value-text.js';
import { parseDateTest } from './date.js';
import { parseNumberTest } from './number.js';
import { badValue, notSupportedYet, type ParseContext } from './parameter-type.js';
import { parseQuantityTest } from './quantity.js';
import { parseTargets } from './reference.js';
import { parseTokenValue } from './token.js';

/** In the index the text follows a hash, so there is less room for it than for others. */
const longestText = 200;

/**
 * Reads one part of a composite's value, escapes in place. Throws an OutcomeError that names the parameter. A token must
 * have a code: its system alone is not indexed within composites.
 */
export function parseComponent(
  { code }: Pick<SearchParameter, 'code'>,
  { type, targets }: SearchComponent,
  text: string,
  context: ParseContext,
): ComponentTest {
  switch (type) {
    case 'token': {
      const value = parseTokenValue(code, text);
      if (value.code === undefined)
        throw badValue(code, text, 'a part of a composite names a code, not a system alone');
      return { kind: 'token', value };
    }
    case 'reference':
      return { kind: 'reference', targets: parseTargets({ code, targets }, [text], context) };
    case 'uri':
      return { kind: 'uri', value: unescapeValue(text) };
    case 'string': {
      const value = unescapeValue(text);
      if (normaliseText(value).length > longestText) {
        throw badValue(code, `${value.slice(0, 20)}…`, `a text within it may have at most ${longestText} characters`);
      }
      return { kind: 'string', value };
    }
    case 'date':
      return { kind: 'date', test: parseDateTest(code, text, context.now) };
    case 'number':
      return { kind: 'number', test: parseNumberTest(code, unescapeValue(text)) };
    case 'quantity':
      return { kind: 'quantity', test: parseQuantityTest(code, text) };
    case 'composite':
    case 'special':
      throw notSupportedYet(code, `The composite search parameter '${code}'`);
  }
}
