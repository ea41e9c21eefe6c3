/** What a client wants to be stored, between its arrival and the moment when the stored resource is known. */
import { isJsonObject, OutcomeError, type ResourceText } from '#fhir';
import type { TakenResource } from '../credentials/take-credentials.js';
import type { ProjectSettings } from '../project-settings.js';
import { acceptResource } from './resource-checks.js';
import type { Context } from '../rights/rights.js';
import { needsNoJudgement } from '../rights/write-rights.js';

export interface Written {
  readonly text: ResourceText;
  /** Members that keep their stored value, besides what the caller's policy keeps. */
  readonly keep: readonly string[];
  /** Accounts that the request itself names, besides or instead of the text. */
  readonly namedAccounts: readonly string[] | undefined;
  /** Whether what the resource refers to must be there. */
  readonly checksReferences: boolean;
  /** Whether the resource must satisfy the profiles that it claims. */
  readonly checksProfiles: boolean;
  /**
   * The resource, checked and without its credentials. Another text (with the fields that the caller's policy keeps) is
   * checked anew. Throws what is wrong with it.
   */
  taken(text?: ResourceText): TakenResource;
}

export interface WrittenOptions {
  readonly keep?: readonly string[];
  readonly namedAccounts?: readonly string[] | undefined;
  /** How the text is checked; `acceptResource` unless it says otherwise. */
  readonly accept?: typeof acceptResource;
}

/**
 * Checks what is to be written. Throws OutcomeError `invalid` for a resource that does not have the form that its type
 * demands, unless the caller's policy has a say in the write: then it is thrown by `taken`, once the rights have been
 * checked and the fields are there that the caller cannot see.
 */
export function readWritten(
  context: Context,
  settings: ProjectSettings,
  interaction: 'create' | 'update',
  received: ResourceText,
  { keep = [], namedAccounts, accept = acceptResource }: WrittenOptions = {},
): Written {
  const { tenant } = context;
  const { checksReferences, defaultProfiles } = settings;
  const text = withDefaultProfile(received, defaultProfiles.get(received.resourceType) ?? []);
  const isFinal = keep.length === 0 && needsNoJudgement(context, interaction, text.resourceType);
  const first = attempted(() => accept(tenant, text, settings));
  if (isFinal && first instanceof OutcomeError) throw first;
  return {
    text,
    keep,
    namedAccounts,
    checksReferences,
    checksProfiles: settings.isStrict && settings.validation !== 'structure',
    taken: (other = text) => {
      if (other !== text) return accept(tenant, other, settings);
      if (first instanceof OutcomeError) throw first;
      return first;
    },
  };
}

function attempted(work: () => TakenResource): TakenResource | OutcomeError {
  try {
    return work();
  } catch (error) {
    if (error instanceof OutcomeError) return error;
    throw error;
  }
}

/** The text with these profiles when it names none. */
function withDefaultProfile(text: ResourceText, profile: readonly string[]): ResourceText {
  const meta = isJsonObject(text.value.meta) ? text.value.meta : {};
  if (profile.length === 0 || meta.profile !== undefined) return text;
  const member = `"profile":${JSON.stringify(profile)}`;
  return {
    ...text,
    value: { ...text.value, meta: { ...meta, profile: [...profile] } },
    metaMembers: text.metaMembers === '' ? member : `${member},${text.metaMembers}`,
  };
}
