/** What a policy leaves of versions that are about to be shown. */
import { hideExtendedMeta, hideFields, type Interaction } from '#access-policy';
import { hiddenFiling, withoutFiling } from '../accounts/hidden-charts.js';
import { judgedVersion } from './judged.js';
import type { Context } from './rights.js';
import type { StoredVersion } from '../stored-version.js';

/**
 * The version without the fields at `paths`, and without what `meta.compartment` would tell of them: the patients to whom
 * a hidden reference leads, and hidden accounts. A deletion has none.
 */
export function withoutFields<Version extends StoredVersion>(
  { tenant }: Pick<Context, 'tenant'>,
  version: Version,
  paths: readonly string[],
): Version {
  if (paths.length === 0 || version.deleted) return version;
  const extendedMeta = withoutFiling(version, hiddenFiling(tenant.version, version.type, paths));
  return {
    ...version,
    body: hideFields(version.body, paths),
    extendedMeta: hideExtendedMeta(extendedMeta, paths),
    storedMeta: version.storedMeta ?? version.extendedMeta,
  };
}

/**
 * The current version as the first rule that grants `interaction` on it shows it; undefined when none does. Where all
 * resources of the type are granted alike, it is not looked at.
 */
export function shownBy<Version extends StoredVersion>(
  context: Context,
  interaction: Interaction,
  version: Version,
): Version | undefined {
  const { policy } = context.caller;
  if (policy.grantsFully(interaction, version.type)) return version;
  const grant = policy.grantFor(interaction, judgedVersion(version));
  return grant && withoutFields(context, version, grant.hiddenFields);
}

/**
 * What a statement has found within the limits of `interaction`, as the caller may see it: only where some rule hides
 * fields, each resource is looked at, to know which rule it is shown by.
 */
export function shownAmong<Version extends StoredVersion>(
  context: Context,
  interaction: Interaction,
  versions: readonly Version[],
): Version[] {
  const { policy } = context.caller;
  return versions.flatMap((version) =>
    policy.hiddenFieldsOf(interaction, version.type).length === 0
      ? version
      : (shownBy(context, interaction, version) ?? []),
  );
}
