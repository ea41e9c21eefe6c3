const mostLabels = 64;

/** Why a value cannot be the labels of a project; undefined when it can. */
export function labelsProblem(value: unknown): string | undefined {
  return checkLabels(value, (text) => typeof text === 'string');
}

/** Why a value cannot be a change of labels, in which null removes a label; undefined when it can. */
export function labelChangeProblem(value: unknown): string | undefined {
  return checkLabels(value, (text) => typeof text === 'string' || text === null);
}

function checkLabels(value: unknown, isValue: (text: unknown) => boolean): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'must be an object of texts';
  const entries = Object.entries(value);
  if (entries.length > mostLabels) return `must hold at most ${mostLabels} labels`;
  for (const [key, text] of entries) {
    if (!/^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/.test(key)) {
      return 'must have keys of 1 to 63 letters, digits and . _ / - that begin and end with a letter or digit';
    }
    if (!isValue(text)) return `must have a text as the value of ${key}`;
    if (typeof text === 'string' && !isLabelValue(text)) {
      return `must have at most 255 characters, none of them a control character, in the value of ${key}`;
    }
  }
  return undefined;
}

function isLabelValue(text: string): boolean {
  return text.length <= 255 && !/[\p{Cc}\p{Cs}]/u.test(text);
}

/** The labels after a change: given ones are set, null removes. */
export function changeLabels(
  labels: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string | null>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries({ ...labels, ...change }).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}

/** The label of each `?label=key:value` parameter, all of which must fit; undefined when one cannot be read. */
export function parseLabelFilter(parameters: readonly string[]): Record<string, string>[] | undefined {
  const labels = parameters.flatMap((parameter) => {
    const colon = parameter.indexOf(':');
    return colon < 1 ? [] : [{ [parameter.slice(0, colon)]: parameter.slice(colon + 1) }];
  });
  return labels.length === parameters.length ? labels : undefined;
}
