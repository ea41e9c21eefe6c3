/** `Project.checkReferencesOnWrite`: what a resource refers to must be there, and visible to whoever writes it. */
import { isJsonObject, OutcomeError, type Issue, type JsonObject, type JsonValue } from '#fhir';
import type { ReadingScope } from '../reading/reading-scope.js';
import { Readings } from '../reading/readings.js';
import type { Context } from '../rights/rights.js';
import { findIds, type Identity } from '../sql/read.sql.js';

/** A literal reference to a resource of the project. */
interface LocalReference extends Identity {
  /** Where it stands: `Observation.performer[0]`. */
  readonly path: string;
}

/** What the server itself looks after: it may lead to what is in no tenant database. */
const systemPaths: ReadonlySet<string> = new Set(['Project.owner', 'ProjectMembership.user']);
const systemPathForm = /^Project\.link\[\d+\]\.project$/;

/** How many resources are read at a time to see whether the caller may see them. */
const chunkSize = 50;

/**
 * Throws 400, with one issue for each bad path, unless everything that the resource refers to by a literal local
 * reference exists and may be read by the caller. References in `meta` and to contained resources are none of these.
 */
export async function assertReferences(context: Context, scope: ReadingScope, value: JsonObject): Promise<void> {
  const references = localReferences(context.tenant.ownBaseUrls ?? [], value);
  if (references.length === 0) return;
  const found = await visibleAmong(context, scope, references);
  const bad = references.filter(({ type, id }) => !found.has(`${type}/${id}`));
  if (bad.length === 0) return;
  const issues = bad.map(({ type, id, path }): Issue => ({
    severity: 'error',
    code: 'invalid',
    text: `Invalid reference: ${type}/${id}`,
    expression: [path],
  }));
  throw new OutcomeError('invalid', issues);
}

async function visibleAmong(
  context: Context,
  scope: ReadingScope,
  references: readonly LocalReference[],
): Promise<Set<string>> {
  const { tenant, caller } = context;
  const idsByType = new Map<string, Set<string>>();
  for (const { type, id } of references) {
    if (!tenant.version.isResourceType(type)) continue;
    idsByType.set(type, (idsByType.get(type) ?? new Set()).add(id));
  }
  const found = new Set<string>();
  const unsure: Identity[] = [];
  for (const [type, ids] of idsByType) {
    // Where every resource of the type is visible, no body needs to be looked at.
    const there = caller.policy.grantsFully('read', type)
      ? await scope.lookUp((connection) => findIds(connection, scope.epoch, type, [...ids]))
      : new Set<string>();
    for (const id of ids) {
      if (there.has(id)) found.add(`${type}/${id}`);
      else unsure.push({ type, id });
    }
  }
  const readings = new Readings(context, scope);
  for (let at = 0; at < unsure.length; at += chunkSize) {
    const visible = await readings.readMany(unsure.slice(at, at + chunkSize));
    for (const identity of visible.keys()) found.add(identity);
  }
  return found;
}

const literalForm = /^([A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[^/]+)?$/;

function localReferences(ownBaseUrls: readonly string[], resource: JsonObject): LocalReference[] {
  const references: LocalReference[] = [];
  const visit = (value: JsonValue | undefined, path: string): void => {
    if (Array.isArray(value)) {
      value.forEach((item, index) => visit(item, `${path}[${index}]`));
      return;
    }
    if (!isJsonObject(value)) return;
    const { reference } = value;
    const isSystems = systemPaths.has(path) || systemPathForm.test(path);
    if (typeof reference === 'string' && !isSystems) {
      const base = ownBaseUrls.find((url) => reference.startsWith(url)) ?? '';
      const [, type, id] = literalForm.exec(reference.slice(base.length)) ?? [];
      if (type !== undefined && id !== undefined) references.push({ type, id, path });
    }
    for (const [name, member] of Object.entries(value)) {
      if (name !== 'meta') visit(member, `${path}.${name}`);
    }
  };
  visit(resource, typeof resource.resourceType === 'string' ? resource.resourceType : 'Resource');
  return references;
}
