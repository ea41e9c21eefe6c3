import type { SchemaDefinitions } from '../definitions/schema-document.js';
import type { JsonObject } from '../json/json-value.js';
import type { Issue } from '../outcomes/issue.js';
import { Findings } from './findings.js';
import type { InvariantWalk } from './invariant-walk.js';
import { SchemaCompiler } from './schema-compiler.js';

/**
 * How far validation goes: the form of a resource only, or also what the standard demands of its content, which are
 * invariants and required bindings.
 */
export type ValidationLevel = 'structure' | 'invariants';

/** Checks resources of one FHIR version by their base definitions. */
export class ResourceValidator {
  private readonly compiler: SchemaCompiler;

  constructor(
    definitions: SchemaDefinitions,
    private readonly versionLabel: string,
    private readonly invariants: InvariantWalk,
  ) {
    this.compiler = new SchemaCompiler(definitions);
  }

  /**
   * The issues of `resource`, at most 20; none when it is valid. Its content is looked at when its form is right: what
   * invariants mean for a broken form is not said anywhere.
   */
  validate(resource: JsonObject, level: ValidationLevel): Issue[] {
    const { resourceType } = resource;
    const check = typeof resourceType === 'string' ? this.compiler.resourceCheck(resourceType) : undefined;
    if (!check || typeof resourceType !== 'string') {
      const text = `resourceType must be the name of a resource type of FHIR ${this.versionLabel}`;
      return [{ severity: 'error', code: 'structure', text, expression: ['resourceType'] }];
    }
    const findings = new Findings(resourceType);
    check(resource, findings);
    if (level === 'invariants' && findings.issues.length === 0) this.invariants.check(resource, findings);
    return findings.issues;
  }

  /** Prepares the type, so that its first resource is checked as quickly as the next. */
  warm(resourceType: string): void {
    this.compiler.resourceCheck(resourceType);
    this.invariants.warm(resourceType);
  }
}
