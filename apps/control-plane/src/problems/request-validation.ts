import { ValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { DomainError } from '#platform';
import type { FieldProblem } from './problem.js';

/** Checks bodies and queries against their DTO class. Unknown properties are refused; every bad field is listed. */
export function requestValidation(): ValidationPipe {
  return new RequestValidation({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: true,
    validationError: { target: false, value: false },
    exceptionFactory: (errors) => invalidRequest(fieldProblems(errors)),
  });
}

class RequestValidation extends ValidationPipe {
  /** class-transformer leaves out two names in silence and ends at some depth, so it does not get to see either. */
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    // What a decorator of ours gives to a controller does not come from outside as it is.
    const errors = metadata.type === 'custom' ? [] : refusedMembers(value, []);
    if (errors.length > 0) throw invalidRequest(errors);
    return super.transform(value, metadata) as Promise<unknown>;
  }
}

/** No body of this API is deeper than an object in an object. */
const deepest = 8;

function refusedMembers(value: unknown, path: readonly string[]): FieldProblem[] {
  if (typeof value !== 'object' || value === null) return [];
  if (path.length > deepest) return [{ field: path.slice(0, 2).join('.'), message: 'is nested too deeply' }];
  return Object.entries(value).flatMap(([name, member]) => {
    const field = [...path, name];
    return name === '__proto__' || name === 'constructor'
      ? [{ field: field.join('.'), message: 'is not a known property' }]
      : refusedMembers(member, field);
  });
}

/** The error for a request whose fields are wrong; its detail names them all. */
export function invalidRequest(errors: FieldProblem[]): DomainError {
  const fields = [...new Set(errors.map(({ field }) => field))].join(', ');
  return new DomainError('invalid', 'validation', `These fields cannot be accepted: ${fields}.`, {
    details: { errors },
  });
}

/** One entry per bad field, nested ones by their dotted path. */
function fieldProblems(errors: readonly ValidationError[], parent = ''): FieldProblem[] {
  return errors.flatMap((error) => {
    const field = parent === '' ? error.property : `${parent}.${error.property}`;
    const message = messageOf(error);
    // A field that is wrong itself (a text where an object belongs) says so once; what is inside it does not matter.
    return message === undefined ? fieldProblems(error.children ?? [], field) : [{ field, message }];
  });
}

function messageOf({ constraints, property }: ValidationError): string | undefined {
  if (constraints === undefined) return undefined;
  if ('whitelistValidation' in constraints) return 'is not a known property';
  if ('unknownValue' in constraints) return 'must be a JSON object';
  // class-validator begins its own sentences with the property's name, which `field` says already.
  const message = Object.values(constraints)[0];
  return message?.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
}
