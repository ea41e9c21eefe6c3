/**
 * The second look at a resource, for one whose structure is right: invariants (https://hl7.org/fhir/R4/conformance-rules.html#constraints)
 * and required bindings. Like the first it is made of closures, one per definition, made on first use; members about
 * which nothing is to be checked are not visited.
 */
import type { BindingDocument } from '../definitions/constraint-document.js';
import type { StructureElement } from '../definitions/structure.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';
import type { Findings } from './findings.js';
import type { Scope } from './invariants/invariant-test.js';
import { JudgingTime, judgingTakesTooLong } from './invariants/judging-time.js';
import { invariantsOf, type Invariant, type InvariantContext } from './invariants/invariants-of.js';
import { noValue, type Item } from './invariants/paths.js';
import { bindingOf, isWithoutCode, type Binding } from './required-bindings.js';

export interface WalkContext extends InvariantContext {
  bindings: BindingDocument;
}

type Walk = (element: JsonObject, findings: Findings, scope: Scope) => void;

/** What is checked of one member of an object. */
interface MemberCheck {
  /** The element's name in expressions. */
  segment: string;
  /** Looks at one value: the member's own, or an item of its list. */
  check: (value: JsonValue, findings: Findings, scope: Scope) => void;
  /** For the extensions of a primitive: the member that has the value. */
  valueName?: string;
}

export class InvariantWalk {
  private readonly walks = new Map<string, Walk>();

  constructor(private readonly context: WalkContext) {}

  /**
   * Reports what is wrong with `resource`, which must have the structure that its type demands. When finding that out takes
   * longer than it may, that is what is wrong with it.
   */
  check(resource: JsonObject, findings: Findings): void {
    try {
      this.checkResource(resource, findings, { resource, rootResource: resource, judging: new JudgingTime() });
    } catch (error) {
      if (error !== judgingTakesTooLong) throw error;
      findings.report('too-costly', 'and what is before it take too long to be checked');
    }
  }

  /** Prepares the type, so that its first resource is checked as quickly as the next. */
  warm(resourceType: string): void {
    if (this.context.structure(resourceType)) this.walkOf(resourceType);
  }

  private checkResource(resource: JsonObject, findings: Findings, scope: Scope): void {
    if (typeof resource.resourceType === 'string') this.walkOf(resource.resourceType)(resource, findings, scope);
  }

  private walkOf(definition: string): Walk {
    let walk = this.walks.get(definition);
    if (!walk) {
      walk = this.makeWalk(definition);
      this.walks.set(definition, walk);
    }
    return walk;
  }

  private makeWalk(definition: string): Walk {
    const invariants = invariantsOf(this.context, definition);
    const members = this.memberChecks(definition);
    return (element, findings, scope) => {
      for (const invariant of invariants) test(invariant, element, findings, scope);
      for (const name of Object.keys(element)) {
        const member = members.get(name);
        if (member) checkMember(element, name, member, findings, scope);
        if (findings.full) return;
      }
    };
  }

  private memberChecks(definition: string): Map<string, MemberCheck> {
    const members = new Map<string, MemberCheck>();
    for (const element of this.context.structure(definition) ?? []) {
      const segment = element.choice ?? element.name;
      const isComplex = element.type === 'Resource' || this.context.structure(element.type) !== undefined;
      const check = isComplex ? this.complexCheck(definition, element) : this.primitiveCheck(definition, element);
      if (check) members.set(element.name, { segment, check });
      if (!isComplex) members.set(`_${element.name}`, { segment, check: this.extensionCheck, valueName: element.name });
    }
    return members;
  }

  private complexCheck(definition: string, { name, choice, type }: StructureElement): MemberCheck['check'] {
    const invariants = invariantsOf(this.context, definition, choice ?? name);
    const binding = bindingOf(this.context.bindings, definition, choice ?? name);
    const isResource =
      type === 'Resource' || this.context.structure(type)?.some((member) => member.name === 'implicitRules');
    let walk: Walk | undefined;
    return (value, findings, scope) => {
      if (!isJsonObject(value)) return;
      for (const invariant of invariants) test(invariant, value, findings, scope);
      if (binding) testBinding(binding, value, findings);
      if (isResource) {
        const rootResource = name === 'contained' ? scope.rootResource : value;
        this.checkResource(value, findings, { ...scope, resource: value, rootResource });
      } else {
        if (hasOnlyId(value)) findings.report('invariant', emptyElement);
        (walk ??= this.walkOf(type))(value, findings, scope);
      }
    };
  }

  private primitiveCheck(definition: string, { name, choice }: StructureElement): MemberCheck['check'] | undefined {
    const invariants = invariantsOf(this.context, definition, choice ?? name);
    if (invariants.length === 0) return undefined;
    return (value, findings, scope) => {
      for (const invariant of invariants) test(invariant, value, findings, scope);
    };
  }

  private readonly extensionCheck: MemberCheck['check'] = (value, findings, scope) => {
    if (isJsonObject(value)) this.walkOf('Element')(value, findings, scope);
  };
}

/** What ele-1 says, which holds for every element. */
const emptyElement = 'breaks ele-1: an element must have a value or children, not only an id';

function hasOnlyId(element: JsonObject): boolean {
  for (const name in element) if (name !== 'id' && element[name] !== undefined) return false;
  return true;
}

function checkMember(
  element: JsonObject,
  name: string,
  { segment, check, valueName }: MemberCheck,
  findings: Findings,
  scope: Scope,
): void {
  const member = element[name];
  if (member === undefined || !findings.enter(segment)) return;
  const values = valueName === undefined ? undefined : element[valueName];
  if (!Array.isArray(member)) {
    if (valueName !== undefined && values === undefined) testSibling(member, findings);
    check(member, findings, scope);
  } else {
    for (let index = 0; index < member.length && !findings.full; index++) {
      if (!findings.enter(index)) return;
      const item = member[index] as JsonValue;
      const hasValue = Array.isArray(values) && values[index] !== null && values[index] !== undefined;
      if (valueName !== undefined && !hasValue) testSibling(item, findings);
      check(item, findings, scope);
      findings.leave();
    }
  }
  findings.leave();
}

/** The extensions of a primitive that has no value. */
function testSibling(sibling: JsonValue, findings: Findings): void {
  if (isJsonObject(sibling) && hasOnlyId(sibling)) findings.report('invariant', emptyElement);
}

function test({ key, human, test: holds }: Invariant, element: Item, findings: Findings, scope: Scope): void {
  if (element === null || element === noValue) return;
  if (holds(element, scope) === false) findings.report('invariant', `breaks ${key}: ${human}`);
}

function testBinding({ valueSet, isMet }: Binding, value: JsonObject, findings: Findings): void {
  if (isMet(value) || isWithoutCode(value)) return;
  findings.report('code-invalid', `must have a code from the value set ${valueSet}`);
}
