import type { Project } from './project.entity.js';

/** What keeps a project at its schema while the fleet goes on. */
export interface SchemaPin {
  version: number;
  /** Null: until it is taken away. */
  until: Date | null;
  reason: string;
}

/** The project's pin, whether it has ended or not; null without one. */
export function schemaPinOf(project: Project): SchemaPin | null {
  const { schemaPin, schemaPinUntil, schemaPinReason } = project;
  return schemaPin === null ? null : { version: schemaPin, until: schemaPinUntil, reason: schemaPinReason ?? '' };
}
