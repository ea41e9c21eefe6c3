/**
 * What belongs to the operator in a project's Project resource. Administrators of the project see some of it and can
 * change none (see admin-rules.ts of access-policy).
 */
import {
  isJsonObject,
  jsonPatch,
  type JsonObject,
  type JsonValue,
  type ResourcePatch,
  type ValidationLevel,
} from '#fhir';
import { auditRetentionSetting } from './audit/retention.js';

export interface OperatorSettings {
  /** Whether resources must be what their definitions say in every respect; else their form alone is checked. */
  readonly strictMode: boolean;
  /** How far a strict project's resources are checked. */
  readonly validationLevel: ValidationLevel;
  readonly features: readonly string[];
  /** For how many days the audit is kept at least; null: for ever. */
  readonly auditRetentionDays: number | null;
}

/** The name of an entry of `systemSetting`. */
const validationLevelSetting = 'validationLevel';

/** The level at which a strict project's resources are checked: `invariants` unless the operator has said `structure`. */
export function validationLevelOf({ systemSetting }: JsonObject): ValidationLevel {
  const entries = Array.isArray(systemSetting) ? systemSetting.filter(isJsonObject) : [];
  const said = entries.find(({ name }) => name === validationLevelSetting);
  return said?.valueString === 'structure' ? 'structure' : 'invariants';
}

/**
 * The change that makes a Project say `settings`; the rest of it stays as it is, and a Project that says them already stays
 * so altogether. What is everywhere so unless it is said is not said.
 */
export function operatorSettingsPatch(settings: OperatorSettings): ResourcePatch {
  const { strictMode, validationLevel, features, auditRetentionDays } = settings;
  const changes = [
    (project: JsonObject) => (project.strictMode === strictMode ? [] : [add('/strictMode', strictMode)]),
    (project: JsonObject) => featureChanges(project, features),
    (project: JsonObject) =>
      settingChanges(project, validationLevelSetting, {
        valueString: validationLevel === 'invariants' ? null : validationLevel,
      }),
    (project: JsonObject) => settingChanges(project, auditRetentionSetting, { valueInteger: auditRetentionDays }),
  ];
  return (body) =>
    changes.reduce((text, change) => jsonPatch(JSON.stringify(change(JSON.parse(text) as JsonObject)))(text), body);
}

/** Operations of a JSON Patch. */
type Changes = readonly {
  readonly op: 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: JsonValue;
}[];

const add = (path: string, value: JsonValue) => ({ op: 'add', path, value }) as const;

function featureChanges(project: JsonObject, features: readonly string[]): Changes {
  if (features.length > 0) return [add('/features', [...features])];
  return project.features === undefined ? [] : [{ op: 'remove', path: '/features' }];
}

/** Those that leave one entry of this name in `systemSetting`, where there was one already, or none without a value. */
function settingChanges({ systemSetting }: JsonObject, name: string, value: Record<string, JsonValue>): Changes {
  const isSaid = Object.values(value).every((said) => said !== null);
  const entries = Array.isArray(systemSetting) ? systemSetting : [];
  const places = entries.flatMap((entry, index) => (isJsonObject(entry) && entry.name === name ? [index] : []));
  const [kept] = isSaid ? places : [];
  // From the end, so that the places before stay where they are.
  const removals = places
    .filter((place) => place !== kept)
    .toReversed()
    .map((place) => ({ op: 'remove', path: `/systemSetting/${place}` }) as const);
  if (!isSaid) return removals;
  const entry = { name, ...value };
  if (kept !== undefined) return [{ op: 'replace', path: `/systemSetting/${kept}`, value: entry }, ...removals];
  return [systemSetting === undefined ? add('/systemSetting', [entry]) : add('/systemSetting/-', entry)];
}
