import type { SchemaPin } from '#control-database';
import type { FieldProblem } from '../problems/problem.js';
import { invalidRequest } from '../problems/request-validation.js';
import type { SchemaPinDto } from './dto/rollout-terms.dto.js';

/**
 * The pin that a request asks for. Refused when it lies below the schema that the project has, since nothing migrates
 * backwards, when it lies beyond the `newest` one, where it would keep the project from nothing, and when it has ended
 * already.
 */
export function requestedPin(
  { version, until, reason }: SchemaPinDto,
  { schemaVersion }: { schemaVersion: number | null },
  newest: number,
  now: Date,
): SchemaPin {
  const end = until == null ? null : new Date(until);
  const problems: FieldProblem[] = [];
  if (schemaVersion !== null && version < schemaVersion) {
    const message = `must be at least ${schemaVersion}, the schema that the project has: nothing migrates backwards`;
    problems.push({ field: 'schemaPin.version', message });
  }
  if (version > newest) {
    const message = `must be at most ${newest}, the newest schema that this release knows`;
    problems.push({ field: 'schemaPin.version', message });
  }
  if (end !== null && end <= now) problems.push({ field: 'schemaPin.until', message: 'must be in the future' });
  if (problems.length > 0) throw invalidRequest(problems);
  return { version, until: end, reason: reason.trim() };
}
