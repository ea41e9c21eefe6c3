/**
 * What a caller may not see must not be found out by searching either: a criterion, an order or an include that looks at
 * a hidden field would tell its value by what is found, and by how much.
 */
import { forbidden, type FhirVersion } from '#fhir';
import { parameterTouches, type AccessPolicy } from '#access-policy';
import { filedUnderCode, type Criterion, type Include, type SearchRequest, type TypeCriteria } from '#fhir-search';
import { asksForHidden, hiddenFiling } from '../accounts/hidden-charts.js';
import type { Context } from '../rights/rights.js';

/**
 * The request as far as it may be asked: itself, when nothing in it looks at a field that some rule hides from the caller.
 * Throws 403 otherwise. Where the client did not name the types that it searches, a type of which it would learn
 * something is left out, and compartments are those that the other references make.
 */
export function askableRequest(
  { tenant: { version }, caller: { policy } }: Context,
  request: SearchRequest,
): SearchRequest {
  const sight = new Sight(version, policy);
  if (request.includes.some((include) => sight.isIncludeTold(include, request))) throw forbidden();
  const parts: readonly TypeCriteria[] = [request, ...request.furtherTypes];
  const isTold = ({ type, criteria }: TypeCriteria) =>
    criteria.some((criterion) => sight.isTold(type, criterion)) ||
    request.sort.some(({ code }) => sight.isParameterTold(type, code));
  if (!parts.some(isTold)) return request;
  if (!request.everyType) throw forbidden();
  const askable = parts.map((part) => sight.withoutToldLinks(part)).filter((part) => !isTold(part));
  const [first = { type: request.type, criteria: [nothing] }, ...furtherTypes] = askable;
  return { ...request, ...first, furtherTypes };
}

/** No resource satisfies one of no alternatives. */
const nothing: Criterion = { kind: 'or', criteria: [] };

/** What searching tells a caller of the fields that they may not see. */
class Sight {
  constructor(
    private readonly version: FhirVersion,
    private readonly policy: AccessPolicy,
  ) {}

  /** Whether the criterion, asked of resources of `type`, tells something of a hidden field, of theirs or further on. */
  isTold(type: string, criterion: Criterion): boolean {
    switch (criterion.kind) {
      case 'id':
      case 'last-updated':
        // The identity and the moment of a version are never hidden.
        return false;
      case 'and':
      case 'or':
        return criterion.criteria.some((part) => this.isTold(type, part));
      case 'not':
        return this.isTold(type, criterion.criterion);
      case 'chain':
        return (
          this.isParameterTold(type, criterion.parameter.code) ||
          criterion.targets.some((target) => this.areTold(target))
        );
      case 'embedded':
        // What is inside belongs to the resource around it, whatever may be seen of others of its type.
        return this.isParameterTold(type, criterion.parameter.code);
      case 'has':
        return this.isParameterTold(criterion.source.type, criterion.parameter.code) || this.areTold(criterion.source);
      case 'compartment':
        return criterion.parameters.some(({ code }) => this.isParameterTold(type, code));
      case 'list':
        return this.isParameterTold('List', '_list');
      case 'full-text':
        return this.isParameterTold(type, criterion.in === 'content' ? '_content' : '_text');
      case 'token':
      case 'missing':
        return (
          this.isParameterTold(type, criterion.parameter.code) ||
          (criterion.parameter.code === filedUnderCode && this.isFilingTold(type, criterion))
        );
      case 'string':
      case 'date':
      case 'reference':
      case 'reference-identifier':
      case 'uri':
      case 'number':
      case 'quantity':
      case 'composite':
      case 'of-type':
      case 'display':
        return this.isParameterTold(type, criterion.parameter.code);
    }
  }

  /** Whether the values of the parameter are, or depend on, fields that some `search` rule for the type hides. */
  isParameterTold(type: string, code: string): boolean {
    return this.isTouched(type, code, this.policy.hiddenFieldsOf('search', type));
  }

  /** Whether the criterion asks for patients or accounts of resources of `type` that are hidden. */
  private isFilingTold(type: string, criterion: Criterion): boolean {
    return asksForHidden(criterion, hiddenFiling(this.version, type, this.policy.hiddenFieldsOf('search', type)));
  }

  /** Whether following the references that the include asks for tells where a hidden one leads. */
  isIncludeTold(
    { direction, parameters, iterate }: Include,
    { type, furtherTypes, everyType }: SearchRequest,
  ): boolean {
    const fromMatches = direction === 'include' && !iterate && !everyType;
    const sources = fromMatches ? [type, ...furtherTypes.map((further) => further.type)] : this.version.resourceTypes;
    return sources.some((source) => {
      const hidden = [...this.policy.hiddenFieldsOf('search', source), ...this.policy.hiddenFieldsOf('read', source)];
      if (hidden.length === 0) return false;
      return [...this.version.searchParameters(source).values()].some(
        ({ code, key, type: kind }) =>
          kind === 'reference' && (parameters?.includes(key) ?? true) && this.isTouched(source, code, hidden),
      );
    });
  }

  /** The same criteria with compartments that are made without hidden references. */
  withoutToldLinks({ type, criteria }: TypeCriteria): TypeCriteria {
    return {
      type,
      criteria: criteria.map((criterion) =>
        criterion.kind === 'compartment'
          ? { ...criterion, parameters: criterion.parameters.filter(({ code }) => !this.isParameterTold(type, code)) }
          : criterion,
      ),
    };
  }

  private areTold({ type, criteria }: TypeCriteria): boolean {
    return criteria.some((criterion) => this.isTold(type, criterion));
  }

  private isTouched(type: string, code: string, hidden: readonly string[]): boolean {
    if (hidden.length === 0) return false;
    const parameter = this.version.searchParameters(type).get(code);
    return parameterTouches(type, { code, expressions: parameter?.expressions ?? [] }, hidden);
  }
}
