/** What an audit row about a log-in or log-out is, in the codes of DICOM; undefined for every other row. */
export function loginEvent(
  action: string,
  entity: string,
): { readonly code: string; readonly display: string } | undefined {
  if (action !== 'E' || !/^(?:oauth2|auth)\//.test(entity)) return undefined;
  return /\/(?:logout|revoke)$/.test(entity)
    ? { code: '110123', display: 'Logout' }
    : { code: '110122', display: 'Login' };
}

/**
 * The interaction of FHIR's REST API (https://hl7.org/fhir/R4/valueset-type-restful-interaction.html) that an audit row is
 * about: its action, and the address below the FHIR base that it names.
 */
export function restInteraction(action: string, entity: string): string {
  const [path = ''] = entity.split('?', 1);
  if (path.includes('$')) return 'operation';
  switch (action) {
    case 'C':
      return 'create';
    case 'U':
      return 'update';
    case 'D':
      return 'delete';
    case 'E':
      return path === 'Bundle' ? 'transaction' : 'operation';
    default:
      return readingOf(path.split('/'), entity.includes('?'));
  }
}

function readingOf(segments: readonly string[], hasQuery: boolean): string {
  const [first, second, third, ...more] = segments;
  if (segments.at(-1) === '_history')
    return (['history-system', 'history-type'] as const)[segments.length - 1] ?? 'history-instance';
  if (third === '_history' && more.length === 1) return 'vread';
  if (first === '' || first === undefined) return 'search-system';
  return second !== undefined && third === undefined && !hasQuery ? 'read' : 'search-type';
}
