import { Injectable } from '@nestjs/common';
import { FleetRepository, type ProjectId } from '#control-database';
import { invalidRequest } from '../problems/request-validation.js';

/** Lists of projects in a request, by the field that holds each. */
export type NamedProjects = Readonly<Record<string, readonly string[]>>;

/** Finds the projects that a request names by their ids or slugs. */
@Injectable()
export class ProjectNames {
  constructor(private readonly fleet: FleetRepository) {}

  /** The id of every name. Fields with a name that no project has are refused, all of them at once. */
  async resolve(fields: NamedProjects): Promise<ReadonlyMap<string, ProjectId>> {
    const names = [...new Set(Object.values(fields).flat())];
    const ids = names.length === 0 ? new Map<string, ProjectId>() : await this.fleet.findIds(names);
    const errors = Object.entries(fields).flatMap(([field, named]) => {
      const unknown = named.filter((name) => !ids.has(name));
      return unknown.length === 0 ? [] : [{ field, message: `names no project: ${firstOf(unknown)}` }];
    });
    if (errors.length > 0) throw invalidRequest(errors);
    return ids;
  }
}

/** The names, in order, by which a request calls these projects. */
export function namesOf(ids: readonly ProjectId[], named: ReadonlyMap<string, ProjectId>): string[] {
  return [...named].flatMap(([name, id]) => (ids.includes(id) ? [name] : []));
}

/** The first few of a list that may be long, as a text. */
export function firstOf(names: readonly string[]): string {
  const shown = 5;
  return names.slice(0, shown).join(', ') + (names.length > shown ? ` and ${names.length - shown} more` : '');
}
