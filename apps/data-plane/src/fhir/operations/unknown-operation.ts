import { notFound, OutcomeError } from '#fhir';

/** 404 for an operation that is not here, or not at this level. */
export function unknownOperation(name: string): OutcomeError {
  const text = `The operation '$${name.slice(0, 64)}' is not supported here.`;
  return new OutcomeError(notFound().category, [{ severity: 'error', code: 'not-supported', text }]);
}
