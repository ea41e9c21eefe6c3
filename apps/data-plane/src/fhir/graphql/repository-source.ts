/** A project's resources as `$graphql` sees them: through the repository of the caller, shown as REST shows them. */
import type { FastifyRequest } from 'fastify';
import { badRequest, forbidden, notFound, OutcomeError, readResource, type ResourceText } from '#fhir';
import type { GraphqlSource, GraphqlWriter, ResourceIdentity, SearchParameters, SourceResource } from '#fhir-graphql';
import { parseSearch } from '#fhir-search';
import { type ReadAudit, type ResourceRepository, shownBody, type StoredVersion } from '#fhir-store';
import { sessionOf } from '../../tenant/request-tenant.js';
import { recordRead } from '../read-audit.js';
import { wantsExtendedMeta } from '../request-headers.js';

/** Runs a piece of work with the repository of the caller. */
export type AsCaller = <T>(work: (repository: ResourceRepository) => Promise<T>) => Promise<T>;

/** `asCaller` decides whether the whole request or each piece of it is repeated when rights change in between. */
export function repositorySource(request: FastifyRequest, audit: ReadAudit, asCaller: AsCaller): GraphqlSource {
  const { database } = sessionOf(request).runtime;
  const { version, ownBaseUrls = [] } = database;
  const shown = resourceShower(request);

  const audited = async <T>(entity: string, work: (repository: ResourceRepository) => Promise<T>): Promise<T> => {
    try {
      const result = await asCaller(work);
      recordRead(audit, request, entity, 'success');
      return result;
    } catch (error) {
      if (error instanceof OutcomeError && error.category === 'forbidden')
        recordRead(audit, request, entity, 'refused');
      throw error;
    }
  };

  const readOne = async ({ type, id }: ResourceIdentity): Promise<SourceResource | OutcomeError> => {
    try {
      return shown(await audited(`${type}/${id}`, (repository) => repository.read(type, id)));
    } catch (error) {
      if (error instanceof OutcomeError) return error;
      throw error;
    }
  };

  const readMany = async (identities: readonly ResourceIdentity[]): Promise<(SourceResource | OutcomeError)[]> => {
    const [first] = identities;
    // Reading one says precisely why it cannot be shown, and is the quickest statement there is.
    if (first !== undefined && identities.length === 1) return [await readOne(first)];
    const found = await audited(entityOf(identities), (repository) => repository.readMany(identities));
    const { policy } = sessionOf(request).current;
    return identities.map(({ type, id }) => {
      const resource = found.get(`${type}/${id}`);
      if (resource !== undefined) return shown(resource);
      return version.isResourceType(type) && !policy.grants('read', type) ? forbidden() : notFound();
    });
  };

  return {
    version,
    ownBaseUrls,
    readMany,
    search: async (type: string, parameters: SearchParameters) => {
      const search = parseSearch(version, type, parameters, { handling: 'strict', ownBaseUrls });
      const query = new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value])).toString();
      const result = await audited(`${type}?${query}`, (repository) => repository.search(search));
      const { hits, total, next } = result;
      return {
        resources: hits.map(shown),
        ...(total === undefined ? {} : { total }),
        ...(next === undefined ? {} : { next }),
      };
    },
  };
}

/** Changes by the repository. They record themselves; `asCaller` must repeat each by itself. */
export function repositoryWriter(request: FastifyRequest, audit: ReadAudit, asCaller: AsCaller): GraphqlWriter {
  const { database } = sessionOf(request).runtime;
  const shown = resourceShower(request);
  const written = async <T>(work: (repository: ResourceRepository) => Promise<T>): Promise<T> => {
    const result = await asCaller(work);
    audit.sealSoon(database);
    return result;
  };
  return {
    create: async (type, text) => {
      const resource = resourceOf(text, type);
      return shown((await written((repository) => repository.create(resource))).version);
    },
    update: async (type, id, text) => {
      const resource = resourceOf(text, type);
      return shown((await written((repository) => repository.update(type, id, resource))).version);
    },
    delete: async (type, id) => {
      await written((repository) => repository.delete(type, id));
    },
  };
}

function resourceShower(request: FastifyRequest): (version: StoredVersion) => SourceResource {
  const extended = wantsExtendedMeta(request.headers);
  return (version) => ({ type: version.type, id: version.id, text: shownBody(version, { extended }) });
}

/** The resource that a mutation of `type` was given. Throws 400 for a resource of another type. */
function resourceOf(text: string, type: string): ResourceText {
  const resource = readResource(text);
  if (resource.resourceType !== type) {
    throw badRequest(`The mutation is about ${type}, but the resource is a ${resource.resourceType}.`, {
      expression: ['resourceType'],
    });
  }
  return resource;
}

/** What the audit says was read: `Patient?_id=1,2 Group?_id=3`. */
function entityOf(identities: readonly ResourceIdentity[]): string {
  const idsByType = new Map<string, string[]>();
  for (const { type, id } of identities) idsByType.set(type, [...(idsByType.get(type) ?? []), id]);
  return [...idsByType].map(([type, ids]) => `${type}?_id=${ids.join(',')}`).join(' ');
}
