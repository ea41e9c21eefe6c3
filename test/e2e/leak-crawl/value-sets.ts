/** Value sets and code systems of both sides, under URLs that could be guessed, and made of each other. */
import type { JsonObject } from '#fhir';

/** The standard's value set and code system that the other side has of its own, too. */
export const standard = {
  valueSet: 'http://hl7.org/fhir/ValueSet/administrative-gender',
  codeSystem: 'http://hl7.org/fhir/administrative-gender',
} as const;

export const setOf = (side: string): string => `http://sets.example/${side}`;
const codesOf = (side: string): string => `http://codes.example/${side}`;

interface Side {
  readonly name: 'ours' | 'far';
  /** Under which it is filed. */
  readonly account: string;
  readonly word: () => string;
}

export function valueSetsOf({ name, account, word }: Side): JsonObject[] {
  const concept = () => ({ code: word(), display: word() });
  const codeSystem = (id: string, url: string): JsonObject => ({
    resourceType: 'CodeSystem',
    id: `${name}-${id}`,
    meta: { accounts: [{ reference: account }] },
    url,
    status: 'active',
    content: 'complete',
    concept: [{ code: 'common', display: word() }, concept(), concept()],
  });
  const valueSet = (id: string, url: string, include: JsonObject): JsonObject => ({
    resourceType: 'ValueSet',
    id: `${name}-${id}`,
    meta: { accounts: [{ reference: account }] },
    url,
    status: 'active',
    title: word(),
    compose: { include: [include] },
  });
  if (name === 'far') {
    return [
      codeSystem('codes', codesOf(name)),
      codeSystem('standard-codes', standard.codeSystem),
      valueSet('set', setOf(name), { system: codesOf(name) }),
      valueSet('standard-set', standard.valueSet, { system: codesOf(name), concept: [concept()] }),
      // A newer version of one of ours.
      { ...valueSet('newer-set', setOf('ours'), { system: codesOf(name) }), version: '9' },
    ];
  }
  return [
    codeSystem('codes', codesOf(name)),
    valueSet('set', setOf(name), { system: codesOf(name) }),
    valueSet('set-of-sets', `${setOf(name)}/of-sets`, { valueSet: [setOf('far')] }),
    valueSet('set-of-codes', `${setOf(name)}/of-codes`, { system: codesOf('far') }),
    // The display would come from the other side's code system.
    valueSet('set-of-named', `${setOf(name)}/of-named`, { system: codesOf('far'), concept: [{ code: 'common' }] }),
  ];
}
