import { buildMessage, ValidateBy } from 'class-validator';

/** A rule for one field: gives the sentence that says what is wrong, or nothing when the value is accepted. */
export type FieldRule = (value: unknown) => string | undefined;

/** Makes a class-validator decorator of a rule. */
export function FieldRuleOf(name: string, rule: FieldRule): PropertyDecorator {
  return ValidateBy({
    name,
    validator: {
      validate: (value) => rule(value) === undefined,
      defaultMessage: buildMessage((_, args) => rule(args?.value) ?? '', undefined),
    },
  });
}

/** A text for people: not blank, at most so many characters, without control characters. */
export const IsPlainText = (maxLength: number) =>
  FieldRuleOf('plainText', (value) => plainTextProblem(value, maxLength));

/** An instant of RFC 3339 with its zone. */
export const IsInstant = () =>
  FieldRuleOf('instant', (value) =>
    typeof value === 'string' && rfc3339.test(value) && !Number.isNaN(Date.parse(value))
      ? undefined
      : 'must be an instant such as 2030-01-01T00:00:00Z',
  );

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

function plainTextProblem(value: unknown, maxLength: number): string | undefined {
  if (typeof value !== 'string') return 'must be a text';
  if (value.trim() === '') return 'must not be empty';
  if (value.length > maxLength) return `must be at most ${maxLength} characters long`;
  // PostgreSQL cannot store NUL, and lone surrogates are no characters.
  if (/[\p{Cc}\p{Cs}]/u.test(value)) return 'must not contain control characters';
  return undefined;
}
