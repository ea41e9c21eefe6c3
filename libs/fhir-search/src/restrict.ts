import type { Criterion } from './search-request.js';

/**
 * What the searcher may see of a type: the criteria that hold for every resource that they may see (none: all of them), or
 * undefined when they may see nothing of it. `search`: resources that they look for, or through; `read`: resources that come
 * along with them. Every part of a search that reads resources of some type asks it, links to other types included.
 */
export type Restrict = (interaction: 'search' | 'read', type: string) => readonly Criterion[] | undefined;

/** For the system itself, and for searches that are made and never run. */
export const unrestricted: Restrict = () => [];
