import { OutcomeError } from '../outcomes/outcome-error.js';

/** 422 for an expansion that cannot be computed here: `text` names what is missing. */
export const cannotBeComputed = (text: string): OutcomeError =>
  new OutcomeError('unprocessable', [{ severity: 'error', code: 'not-supported', text }]);

/** Whether an error says so. */
export const isNotComputable = (error: unknown): error is OutcomeError =>
  error instanceof OutcomeError && error.issues[0]?.code === 'not-supported';
