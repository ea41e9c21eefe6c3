/**
 * What `$validate` says of profiles: of those that it is asked about, of those that the resource claims, and of the resource
 * when it is one.
 */
import { parseCanonical, type Issue, type JsonObject } from '#fhir';
import { escapeValue, parseSearch } from '#fhir-search';
import type { ReadingScope } from '../reading/reading-scope.js';
import { Readings } from '../reading/readings.js';
import { isRefusal, type Context } from '../rights/rights.js';
import {
  asStored,
  claimedProfiles,
  maxClaims,
  maySeeProfiles,
  profileIssues,
  tooManyClaims,
} from '../writing/profile-checks.js';
import { maxDefinitionBytes } from './definitions.sql.js';
import { assertAffordable, ranOut } from './profile-costs.js';
import { isProfile, ProjectProfiles } from './project-profiles.js';

/**
 * What is wrong with a resource, which is right by the definition of its type, by the profiles: an error for each that is
 * asked about and not here, or not here for all that the caller may see, and for whatever breaks one. What was not checked of
 * them is told to those who may read them. Of a StructureDefinition it says too what would not be checked if it were a profile
 * of the project.
 */
export async function profileReport(
  context: Context,
  scope: ReadingScope,
  resource: JsonObject,
  asked: readonly string[],
): Promise<Issue[]> {
  return [...(await issuesByProfiles(context, scope, resource, asked)), ...definitionRemarks(context, resource)];
}

async function issuesByProfiles(
  context: Context,
  scope: ReadingScope,
  resource: JsonObject,
  asked: readonly string[],
): Promise<Issue[]> {
  const type = typeof resource.resourceType === 'string' ? resource.resourceType : '';
  const ofType = urlOfType(context, type);
  const isOther = (canonical: string) => parseCanonical(canonical).url !== ofType;
  const wanted = new Set(asked.filter(isOther));
  const claimed = new Set(
    claimedProfiles(resource).filter((canonical) => !wanted.has(canonical) && isOther(canonical)),
  );
  if (wanted.size + claimed.size > maxClaims) return tooManyClaims(type).issues;
  const profiles = new ProjectProfiles(context.tenant, scope);
  const issues: Issue[] = [];
  const visible: string[] = [];
  for (const canonical of wanted) {
    if (await isVisible(context, scope, canonical)) visible.push(canonical);
    else issues.push(unknown(canonical));
  }
  await profiles.load([...visible, ...claimed]);
  const applied = [];
  for (const canonical of [...visible, ...claimed]) {
    const definition = profiles.definition(canonical);
    if (definition !== undefined && isProfile(definition)) {
      applied.push(definition);
      continue;
    }
    // What is wrong with one is told to those who may read it.
    const isTold = definition !== undefined && (wanted.has(canonical) || maySeeProfiles(context));
    const why = isTold ? `it ${definition.problem}` : 'it is not stored in this project';
    if (claimed.has(canonical)) {
      const text = `The resource claims the profile ${canonical}, which was not checked: ${why}.`;
      issues.push(remark(text, `${type}.meta.profile`));
    } else if (definition === undefined) issues.push(unknown(canonical));
    else issues.push(error('not-supported', `The profile ${canonical} cannot be applied: ${why}.`));
  }
  const { id } = resource;
  const stored = asStored(typeof id === 'string' ? id : 'new', resource);
  if (applied.length > 0) issues.unshift(...profileIssues(context, stored, applied, profiles.find));
  if (!maySeeProfiles(context)) return issues;
  return [
    ...issues,
    ...applied.flatMap(({ url, notes }) => notes.map((note) => remark(`In the profile ${url}: ${note}`))),
  ];
}

/** It counts against the project like one that is stored, and is not tried when the project's have lately been too costly. */
function definitionRemarks({ tenant: { version, projectId } }: Context, resource: JsonObject): Issue[] {
  if (resource.resourceType !== 'StructureDefinition' || resource.derivation !== 'constraint') return [];
  if (Buffer.byteLength(JSON.stringify(resource)) > maxDefinitionBytes) {
    return [remark('It cannot be applied as a profile: it is too long.')];
  }
  assertAffordable(projectId);
  const profile = version.profiles.compile(resource);
  if ('ranOut' in profile) {
    // Counted, but not thrown: this is about the profile that the caller asks about.
    ranOut(projectId, profile.ranOut);
    return [remark('It takes too long to be read as a profile.')];
  }
  if ('problem' in profile) return [remark(`It cannot be applied as a profile: it ${profile.problem}.`)];
  return profile.notes.map((note) => remark(`As a profile: ${note}`));
}

/** The url of the definition to which every resource of the type is held. */
const urlOfType = ({ tenant: { version } }: Context, type: string): string | undefined =>
  version.definitions('StructureDefinition').find(({ id }) => id === type)?.url;

const error = (code: string, text: string): Issue => ({ severity: 'error', code, text });

const unknown = (canonical: string): Issue => error('not-found', `There is no profile ${canonical} in this project.`);

const remark = (text: string, expression?: string): Issue => ({
  severity: 'information',
  code: 'informational',
  text,
  ...(expression === undefined ? {} : { expression: [expression] }),
});

/** Whether the caller can find a StructureDefinition by the canonical reference. */
async function isVisible(context: Context, scope: ReadingScope, canonical: string): Promise<boolean> {
  if (maySeeProfiles(context)) return true;
  const { url, version } = parseCanonical(canonical);
  const query: [string, string][] = [
    ['url', escapeValue(url)],
    ['_count', '1'],
    ...(version === undefined ? [] : [['version', escapeValue(version)] as [string, string]]),
  ];
  try {
    const request = parseSearch(context.tenant.version, 'StructureDefinition', query, { handling: 'strict' });
    return (await new Readings(context, scope).search(request)).hits.length > 0;
  } catch (error) {
    if (isRefusal(error)) return false;
    throw error;
  }
}
