import type { SchemaDefinitions } from '../definitions/schema-document.js';
import type { JsonObject } from '../json/json-value.js';
import type { Issue } from '../outcomes/issue.js';
import { Findings } from './findings.js';
import { SchemaCompiler } from './schema-compiler.js';

/** Checks resources of one FHIR version by their base definitions. */
export class ResourceValidator {
  private readonly compiler: SchemaCompiler;

  constructor(
    definitions: SchemaDefinitions,
    private readonly versionLabel: string,
  ) {
    this.compiler = new SchemaCompiler(definitions);
  }

  /** The issues of `resource`, at most 20, in the order of its members; none when it is valid. */
  validate(resource: JsonObject): Issue[] {
    const { resourceType } = resource;
    const check = typeof resourceType === 'string' ? this.compiler.resourceCheck(resourceType) : undefined;
    if (!check || typeof resourceType !== 'string') {
      const text = `resourceType must be the name of a resource type of FHIR ${this.versionLabel}`;
      return [{ severity: 'error', code: 'structure', text, expression: ['resourceType'] }];
    }
    const findings = new Findings(resourceType);
    check(resource, findings);
    return findings.issues;
  }

  /** Prepares the type, so that its first resource is checked as quickly as the next. */
  warm(resourceType: string): void {
    this.compiler.resourceCheck(resourceType);
  }
}
