import type { ClusterId, ProjectId } from '../ids.js';
import type { ProjectLabels, ProjectState } from './project.entity.js';

/** All conditions must hold. */
export interface ProjectFilter {
  state?: ProjectState;
  clusterId?: ClusterId;
  /** The schema that its tenant database has, as the control database knows it. */
  schemaVersion?: number;
  /** Labels that the project has with exactly these values; nothing fits two values of one label. */
  labels?: readonly ProjectLabels[];
  /** Text that stands in the slug or the name, whatever its case. */
  q?: string;
  /** Only projects made after this one. */
  after?: ProjectId;
  limit: number;
}

/** The statement that lists projects by id, which is the order in which they were made. */
export function projectListStatement(select: string, filter: ProjectFilter): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const value = (given: unknown) => `$${values.push(given)}`;
  const conditions = [
    filter.state === undefined ? `p.state <> 'deleted'` : `p.state = ${value(filter.state)}`,
    ...(filter.clusterId === undefined ? [] : [`t.cluster_id = ${value(filter.clusterId)}`]),
    ...(filter.schemaVersion === undefined ? [] : [`t.schema_version = ${value(filter.schemaVersion)}`]),
    ...(filter.labels ?? []).map((labels) => `p.labels @> ${value(JSON.stringify(labels))}::jsonb`),
    ...(filter.q === undefined ? [] : [containsText(value(`%${escapeLike(filter.q)}%`))]),
    ...(filter.after === undefined ? [] : [`p.id > ${value(filter.after)}`]),
  ];
  return { text: `${select} WHERE ${conditions.join(' AND ')} ORDER BY p.id LIMIT ${value(filter.limit)}`, values };
}

function containsText(pattern: string): string {
  return `(p.slug ILIKE ${pattern} OR p.name ILIKE ${pattern})`;
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, (character) => `\\${character}`);
}
