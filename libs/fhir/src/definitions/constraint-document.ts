/** The form of `constraints.json`. */
export interface ConstraintDocument {
  rules: readonly { key: string; human: string; expression: string }[];
  /**
   * By definition, the numbers of the rules about its objects (under '') and about the values of its members (under the
   * member's name, a choice under its base name).
   */
  places: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
}

/** The form of `bindings.json`: required bindings of elements whose codes name their system. */
export interface BindingDocument {
  /** By URL of the value set, its codes by system. */
  valueSets: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** By definition and member (a choice by its base name), the URL of the value set. */
  bindings: Readonly<Record<string, Readonly<Record<string, string>>>>;
}
