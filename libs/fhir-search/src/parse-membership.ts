import type { FhirVersion, SearchParameter } from '#fhir';
import { badValue, modifierNotSupported } from './parameter-types/parameter-type.js';
import type { Criterion } from './search-request.js';
import { unescapeValue } from './value-text.js';

/** What a resource can be a member of besides Lists, and the parameter that finds the members. */
const memberships = [
  { type: 'Group', code: 'member' },
  { type: 'CareTeam', code: 'participant' },
] as const;

const valueForm = /^(?:([A-Za-z]+)\/)?([A-Za-z0-9\-.]{1,64})$/;

/**
 * Reads the values of `_in` (https://hl7.org/fhir/R5/search.html#_in), references to Lists, Groups and CareTeams, or ids
 * of either: the resource is a member of one of them. Entries of Lists that are marked as deleted do not count. Throws an
 * OutcomeError for a modifier and for any other reference.
 */
export function parseMembership(
  version: FhirVersion,
  { code }: Pick<SearchParameter, 'code'>,
  modifier: string | undefined,
  values: readonly string[],
): Criterion {
  if (modifier !== undefined) throw modifierNotSupported(code, modifier);
  const named = values.map((value) => {
    const [, type, id] = valueForm.exec(unescapeValue(value)) ?? [];
    const isKnown = type === undefined || type === 'List' || memberships.some((membership) => membership.type === type);
    if (id === undefined || !isKnown) throw badValue(code, value, 'expected List/…, Group/…, CareTeam/… or an id');
    return { type, id };
  });
  const idsOf = (wanted: string) =>
    named.filter(({ type }) => type === undefined || type === wanted).map(({ id }) => id);
  const criteria: Criterion[] = idsOf('List').length === 0 ? [] : [{ kind: 'list', lists: idsOf('List') }];
  for (const membership of memberships) {
    const ids = idsOf(membership.type);
    const parameter = version.searchParameters(membership.type).get(membership.code);
    if (parameter === undefined || ids.length === 0) continue;
    const source = { type: membership.type, criteria: [{ kind: 'id', ids, negated: false }] } as const;
    criteria.push({ kind: 'has', parameter: { code: parameter.code, key: parameter.key }, source });
  }
  return { kind: 'or', criteria };
}
