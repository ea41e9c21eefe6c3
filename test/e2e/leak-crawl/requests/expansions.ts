/** Expansions of value sets that the other side has, or has its own of, or that are made of what it has. */
import type { Probe } from '../probe.js';
import { setOf, standard } from '../value-sets.js';

export function expansions(): Probe[] {
  const expand = (path: string, more: Partial<Probe> = {}): Probe => ({
    family: 'expansion',
    path: `fhir/R4/ValueSet/${path}`,
    ...more,
  });
  const ofUrl = (url: string, ...expect: number[]): Probe[] =>
    ['', '&filter=c', '&count=0', '&includeDefinition=true'].map((more) =>
      expand(`$expand?url=${encodeURIComponent(url)}${more}`, { expect }),
    );
  const compared = (probes: readonly Probe[]): Probe[] => probes.map(({ expect: _any, ...probe }) => probe);
  const sent = (include: object): Probe =>
    expand('$expand', {
      method: 'POST',
      body: JSON.stringify({ resourceType: 'ValueSet', status: 'active', compose: { include: [include] } }),
    });
  return [
    ...ofUrl(setOf('far'), 404),
    ...ofUrl(`${setOf('ours')}|9`, 404),
    // The answers must be what they are without the other side.
    ...compared([
      ...ofUrl(setOf('ours')),
      ...ofUrl(`${setOf('ours')}/of-sets`),
      ...ofUrl(`${setOf('ours')}/of-codes`),
      ...ofUrl(`${setOf('ours')}/of-named`),
      ...ofUrl(standard.valueSet),
      sent({ valueSet: [setOf('far')] }),
      sent({ system: 'http://codes.example/far' }),
      sent({ system: 'http://codes.example/far', concept: [{ code: 'common' }] }),
      sent({ system: standard.codeSystem }),
    ]),
    expand('far-set/$expand', { expect: [403] }),
    expand('far-standard-set/$expand', { expect: [403] }),
    expand('ours-set/$expand', { expect: [200] }),
    expand('ours-set-of-named/$expand', { expect: [200] }),
  ];
}
