import { CommandError, ProblemError, type Problem } from '../api/problem-error.js';
import { oneLine, printable } from './words.js';

/** Members that the lines below show in their own way, or that say nothing to people. */
const shown = new Set(['type', 'title', 'status', 'code', 'detail', 'requestId', 'errors']);

/** What stderr is told of an error, as lines without the program's name. An error that nobody foresaw keeps its stack. */
export function explainError(error: unknown): string[] {
  if (error instanceof ProblemError) return explainProblem(error.problem);
  if (error instanceof CommandError) return printable(error.message).split('\n');
  return [String(error instanceof Error ? (error.stack ?? error.message) : error)];
}

function explainProblem({ status, code, detail, requestId, errors = [], ...members }: Problem): string[] {
  const rest = Object.entries(members).filter(([name]) => !shown.has(name));
  return [
    `${oneLine(detail)} (${status} ${oneLine(code)})`,
    ...errors.map(({ field, message }) => `  ${oneLine(field)} ${oneLine(message)}`),
    ...rest.map(([name, value]) => `  ${oneLine(name)}: ${oneLine(memberText(value))}`),
    ...(requestId === undefined ? [] : [`  request: ${oneLine(requestId)}`]),
  ];
}

function memberText(value: unknown): string {
  if (Array.isArray(value)) return value.map(memberText).join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
