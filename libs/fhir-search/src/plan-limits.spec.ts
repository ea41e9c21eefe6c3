import { randomBytes } from 'node:crypto';
import { fhirVersion } from '#fhir';
import { parseSearch } from './parse-search.js';
import { planIncludes } from './plan-includes.js';
import { planSearch } from './plan-search.js';
import type { Restrict } from './restrict.js';
import { toSql } from './sql/to-sql.js';
import { tokenHasher } from './token-hasher.js';

const version = fhirVersion('R4');
const hasher = tokenHasher(randomBytes(32));
const request = (type: string, query: string) => parseSearch(version, type, query, { handling: 'strict' });
const limitedBy =
  (criteria: string): Restrict =>
  (_, type) =>
    request(type, criteria).criteria;
const sqlOf = (type: string, query: string, limit: string) =>
  toSql(planSearch(version, request(type, query), hasher, limitedBy(limit))).text;

describe('the limits of a searcher', () => {
  it.each(['subject=Patient/1', '_id=1', 'subject=Patient/1&_sort=-date', 'identifier=urn:x|1'])(
    'only filter what %s leads to',
    (query) => {
      expect(sqlOf('Observation', query, 'status=final')).toMatch(/\(r\.tok && \$\d+::uuid\[\]\) IS TRUE/);
      expect(sqlOf('Observation', query, 'performer=Organization/1')).toContain(
        '(SELECT true FROM resource_reference x WHERE x.resource_id = r.id',
      );
    },
  );

  it.each(['', 'status=final', 'date=gt2020'])('may lead to what is searched where "%s" does not', (query) => {
    const text = sqlOf('Observation', query, 'code=urn:c|1');
    expect(text).toMatch(/r\.tok (?:@>|&&) /);
    expect(text).not.toContain('IS TRUE');
  });

  it('only filter what is included, of each type by those of its right', () => {
    const asked: string[] = [];
    const restrict: Restrict = (interaction, type) => {
      asked.push(`${interaction} ${type}`);
      return type === 'Group' ? undefined : request(type, '_id=1').criteria;
    };
    const { includes } = request('Observation', '_include=Observation:subject&_revinclude=Provenance:target');
    const starts = [{ row: '1', type: 'Observation', id: 'o' }];
    const plans = planIncludes({ version, hasher, restrict }, includes, starts, ['Patient', 'Group'], 10);
    expect(plans.map(({ interaction, types }) => [interaction, types])).toEqual([
      ['read', ['Patient']],
      ['search', ['Patient']],
    ]);
    expect(plans.every(({ where }) => where[1]?.kind === 'filter')).toBe(true);
    expect(asked).toEqual(['read Patient', 'read Group', 'search Patient', 'search Group']);
  });
});
