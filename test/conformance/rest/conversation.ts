import type { RestCase, RestStep } from './rest-case.js';

export interface Target {
  /** The FHIR base URL, with a slash at its end. */
  readonly base: string;
  readonly authorization: string;
}

/** Carries out the steps of a case. Fails at the first answer that is not what the case says, naming the step. */
export async function converse({ base, authorization }: Target, { steps }: RestCase, unique: string): Promise<void> {
  const names = new Map([
    ['unique', unique],
    ['base', base],
  ]);
  for (const [number, asWritten] of steps.entries()) {
    const step = filledIn(asWritten, names);
    const [method = '', ...path] = step.send.split(' ');
    const response = await fetch(base + path.join(' '), {
      method,
      headers: {
        authorization,
        ...(step.body === undefined ? {} : { 'content-type': step.type ?? 'application/fhir+json' }),
        ...step.headers,
      },
      ...(step.body === undefined ? {} : { body: textOf(step.body) }),
    });
    const text = await response.text();
    const answer: unknown = /json/.test(response.headers.get('content-type') ?? '') && text ? JSON.parse(text) : text;
    const place = `step ${number + 1}, ${step.send}`;
    check(place, step, { response, text, answer });
    for (const [name, path] of Object.entries(step.save ?? {})) {
      names.set(name, saved(place, path, { response, answer }));
    }
  }
}

interface Received {
  readonly response: Response;
  readonly text: string;
  readonly answer: unknown;
}

function check(place: string, step: RestStep, { response, text, answer }: Received): void {
  const details = { place, answer };
  expect({ ...details, status: response.status }).toEqual({ ...details, status: step.status });
  for (const [name, wanted] of Object.entries(step.answerHeaders ?? {})) {
    const value = response.headers.get(name);
    const [, pattern] = /^\/(.+)\/$/.exec(wanted ?? '') ?? [];
    const expected: unknown = pattern === undefined ? wanted : expect.stringMatching(new RegExp(pattern));
    expect({ place, [name]: value }).toEqual({ place, [name]: expected });
  }
  if (step.answerText !== undefined) expect({ place, text }).toEqual({ place, text: step.answerText });
  if (step.answer !== undefined) expect({ place, answer }).toMatchObject({ place, answer: step.answer });
  if (step.ids !== undefined) {
    const { entry = [] } = answer as { entry?: { resource?: { id?: string } }[] };
    expect({ place, ids: entry.map(({ resource }) => resource?.id) }).toEqual({ place, ids: step.ids });
  }
  if (step.issue !== undefined) {
    const { code, expression } = step.issue;
    const issue = { ...(code ? { code } : {}), ...(expression ? { expression: [expression] } : {}) };
    const outcome = {
      resourceType: 'OperationOutcome',
      issue: expect.arrayContaining([expect.objectContaining(issue)]),
    };
    expect({ place, answer }).toMatchObject({ place, answer: outcome });
  }
}

const textOf = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body));

function filledIn(step: RestStep, names: ReadonlyMap<string, string>): RestStep {
  const fill = (value: unknown): unknown => {
    if (typeof value === 'string')
      return value.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => names.get(name) ?? whole);
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([member, inner]) => [member, fill(inner)]));
  };
  // How later steps find what is saved is no text for anybody to read.
  return { ...(fill(step) as RestStep), ...(step.save ? { save: step.save } : {}) };
}

function saved(place: string, path: string, { response, answer }: Pick<Received, 'response' | 'answer'>): string {
  const [source, ...members] = path.split('.');
  const value: unknown =
    source === 'header'
      ? response.headers.get(members.join('.'))
      : members.reduce<unknown>((inner, member) => (inner as Record<string, unknown> | undefined)?.[member], answer);
  if (typeof value !== 'string') throw new Error(`${place}: there is no ${path} in the answer.`);
  return value;
}
