import { differsInSchemaAlone, type TenantEntry } from '#tenancy';

/**
 * The directory's entry by which a project is served. A rollout changes the schema of every project, and nothing else: were
 * each time its keys opened anew and all its sessions checked again, the first requests after it would be slow.
 */
export class ServedEntry {
  constructor(private entry: TenantEntry) {}

  get current(): TenantEntry {
    return this.entry;
  }

  /** Whether this entry is served: the current one, or one of another schema alone, which then becomes the current one. */
  serves(entry: TenantEntry): boolean {
    if (entry === this.entry) return true;
    if (!differsInSchemaAlone(this.entry, entry)) return false;
    this.entry = entry;
    return true;
  }
}
