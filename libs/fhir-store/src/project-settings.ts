/** What the Project resource says about writes. It carries rights, so a change of it raises the security epoch. */
import { isJsonObject, type JsonObject, type JsonValue, type ValidationLevel } from '#fhir';
import { validationLevelOf } from './operator-settings.js';
import { ownReadings } from './reading/reading-scope.js';
import type { Context } from './rights/rights.js';
import { findCurrent } from './sql/read.sql.js';
import type { TenantDatabase } from './tenant-database.js';

export interface ProjectSettings {
  /** Whether resources must be what their definitions say; else their form alone is checked. */
  readonly isStrict: boolean;
  /** How far a strict project's resources are checked. */
  readonly validation: ValidationLevel;
  /** Whether what a resource refers to must be there, and visible to whoever writes it. */
  readonly checksReferences: boolean;
  /** By type: the profiles of a resource that names none. */
  readonly defaultProfiles: ReadonlyMap<string, readonly string[]>;
}

const noSettings: ProjectSettings = {
  isStrict: true,
  validation: 'invariants',
  checksReferences: false,
  defaultProfiles: new Map(),
};

/** Read once under each epoch. A tenant database belongs to one project, and what is known of it goes with it. */
const known = new WeakMap<TenantDatabase, { readonly epoch: string; readonly settings: ProjectSettings }>();

/**
 * The settings of the caller's project as they are under the caller's epoch; none for the system itself, which makes
 * projects. Throws StaleRights.
 */
export async function projectSettings({ tenant, caller: { epoch } }: Context): Promise<ProjectSettings> {
  if (epoch === undefined) return noSettings;
  const last = known.get(tenant);
  if (last?.epoch === epoch) return last.settings;
  const stored = await ownReadings(tenant, epoch).lookUp((connection) =>
    findCurrent(connection, epoch, 'Project', tenant.projectId),
  );
  const settings =
    stored === undefined || stored.deleted ? noSettings : settingsOf(JSON.parse(stored.body) as JsonObject);
  known.set(tenant, { epoch, settings });
  return settings;
}

function settingsOf(project: JsonObject): ProjectSettings {
  const { strictMode, checkReferencesOnWrite, defaultProfile } = project;
  const defaults = Array.isArray(defaultProfile) ? defaultProfile.filter(isJsonObject) : [];
  return {
    isStrict: strictMode !== false,
    validation: validationLevelOf(project),
    checksReferences: checkReferencesOnWrite === true,
    defaultProfiles: new Map(
      defaults.flatMap(({ resourceType, profile }) =>
        typeof resourceType === 'string' && Array.isArray(profile) ? [[resourceType, texts(profile)] as const] : [],
      ),
    ),
  };
}

const texts = (values: readonly JsonValue[]): string[] => values.filter((value) => typeof value === 'string');
