import type { ProjectConfigureParams } from '#operations';

/** What the operator decides for a project, and its administrators do not. */
export type Settings = ProjectConfigureParams;

/** Of each of them another value, or null for what is so unless it is said; those that are not named stay. */
export type SettingsChange = { readonly [Name in keyof Settings]?: Settings[Name] | null };

/** What is so as long as nobody has said anything. A new project is made like this. */
export const defaultSettings: Settings = {
  strictMode: true,
  validationLevel: 'invariants',
  features: [],
  auditRetentionDays: null,
};

/** The settings that come of `current` by `change`. */
export function changeSettings(current: Settings, change: SettingsChange): Settings {
  const after = <Name extends keyof Settings>(name: Name): Settings[Name] => {
    const said: SettingsChange[Name] = change[name];
    return said === undefined ? current[name] : (said ?? defaultSettings[name]);
  };
  return {
    strictMode: after('strictMode'),
    validationLevel: after('validationLevel'),
    features: after('features'),
    auditRetentionDays: after('auditRetentionDays'),
  };
}
