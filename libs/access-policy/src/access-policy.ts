/** What is done to a resource. PATCH and conditional writes count as the interaction that they end in. */
export const interactions = ['create', 'read', 'vread', 'update', 'delete', 'search', 'history'] as const;
export type Interaction = (typeof interactions)[number];

/**
 * What one caller may do in one project. It is decided before any resource is looked at; a policy that also looks at the
 * resource will narrow the search plan.
 */
export interface AccessPolicy {
  /** Whether the caller may do `interaction` on resources of `type` at all. Never throws. */
  grants(interaction: Interaction, type: string): boolean;
  /** Whose policy it is, for logs: `system: …` or a word about the membership. */
  readonly reason: string;
  /** Whether the caller may do what only administrators of the project may, such as choosing the id of a resource. */
  readonly projectAdmin: boolean;
}
