import type { JsonObject } from '#fhir';
import type { Criterion } from '#fhir-search';

/** What is done to a resource. PATCH and conditional writes count as the interaction that they end in. */
export const interactions = ['create', 'read', 'vread', 'update', 'delete', 'search', 'history'] as const;
export type Interaction = (typeof interactions)[number];

/**
 * A resource as policies judge it: whole, `meta` with the members that it has in extended mode (accounts, compartment,
 * project, author). `value` may be parsed when it is first asked for, so ask only when it matters.
 */
export interface JudgedResource {
  readonly type: string;
  readonly value: JsonObject;
  /**
   * Of `value` only `resourceType`, `id` and the members of `meta` that are shown in extended mode alone, `compartment`
   * among them; the same as there. For what can be had without parsing a body.
   */
  readonly filing?: JsonObject;
}

/** What the rule that granted an interaction says of the fields of the resource. */
export interface Grant {
  /** Paths (`name`, `address.postalCode`, `value[x]`) that are removed from every answer and keep their stored value. */
  readonly hiddenFields: readonly string[];
  /** Paths that keep their stored value whatever is written. */
  readonly readonlyFields: readonly string[];
  /** FHIRPath expressions, all of which must be true of what is written. */
  readonly writeConstraints: readonly string[];
}

/** What one caller may do in one project: rules that are alternatives, each about one type or all. */
export interface AccessPolicy {
  /** Whether some rule grants `interaction` on resources of `type` at all. Looks at no resource, never throws. */
  grants(interaction: Interaction, type: string): boolean;
  /**
   * The criteria that every resource of `type` satisfies on which `interaction` is granted, and no other does. None: all
   * resources are granted. Undefined: none is. What is about to be written may be refused in spite of them: that is for
   * `grantFor` to say.
   */
  limits(interaction: Interaction, type: string): readonly Criterion[] | undefined;
  /** What the first rule, in order, says that grants `interaction` on the resource; undefined: it is refused. */
  grantFor(interaction: Interaction, resource: JudgedResource): Grant | undefined;
  /**
   * Whether `grantFor` gives every resource of `type` the same grant, without hidden fields, readonly fields and
   * constraints: then no resource needs to be looked at.
   */
  grantsFully(interaction: Interaction, type: string): boolean;
  /**
   * Whether some rule that grants `interaction` on `type` hides fields of it: then searches must not tell anything of
   * them. The paths of all such rules, each once.
   */
  hiddenFieldsOf(interaction: Interaction, type: string): readonly string[];
  /**
   * Whether the caller may write into the chart of a Patient: into those of the patients whom the member may read. Undefined
   * when there is no such limit: the member may read every Patient, or no rule for reading Patients stands in the policies.
   * Neither scopes that leave Patients out nor a rule that grants nothing lift the limit.
   */
  readonly chartLimit: ((patient: JudgedResource) => boolean) | undefined;
  /** Whose policy it is, for logs: `system: …` or a word about the membership. */
  readonly reason: string;
  /**
   * Whether the caller may administer the project: an administrator whose log-in has no SMART scopes, or one that allows
   * everything.
   */
  readonly projectAdmin: boolean;
  /**
   * Whether the member is an administrator of the project, whatever the scopes of the log-in. What administrators may say
   * about a resource that they write (its id, where it is filed) goes by this: whether they may write it, the rules say.
   */
  readonly isAdministrator: boolean;
  /** References (`Organization/1`) under one or more of which what the caller creates is filed; the first by default. */
  readonly accounts: readonly string[];
}

/** The grant of a rule that says nothing of fields. */
export const fullGrant: Grant = Object.freeze({ hiddenFields: [], readonlyFields: [], writeConstraints: [] });

/** A policy that looks at types alone: each interaction on a type is granted on all of its resources or on none. */
export function policyByType(
  grants: AccessPolicy['grants'],
  { reason, projectAdmin }: Pick<AccessPolicy, 'reason' | 'projectAdmin'>,
): AccessPolicy {
  return {
    grants,
    limits: (interaction, type) => (grants(interaction, type) ? [] : undefined),
    grantFor: (interaction, { type }) => (grants(interaction, type) ? fullGrant : undefined),
    grantsFully: grants,
    hiddenFieldsOf: () => [],
    chartLimit: undefined,
    reason,
    projectAdmin,
    isAdministrator: projectAdmin,
    accounts: [],
  };
}
