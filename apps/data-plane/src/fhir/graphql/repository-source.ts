/** A project's resources as `$graphql` sees them: through the repository of the caller, shown as REST shows them. */
import type { FastifyRequest } from 'fastify';
import { badRequest, notFound, OutcomeError, readResource, type ResourceText } from '#fhir';
import type { GraphqlSource, GraphqlWriter, ResourceIdentity, SearchParameters, SourceResource } from '#fhir-graphql';
import { parseSearch } from '#fhir-search';
import {
  type AuditedResource,
  type ReadAudit,
  type ResourceRepository,
  shownBody,
  type StoredVersion,
} from '#fhir-store';
import type { SignedAttachments } from '../../storage/signed-attachments.js';
import { sessionOf } from '../../tenant/request-tenant.js';
import { allFound, recordingRead, recordRead, theOne } from '../read-audit.js';
import { wantsExtendedMeta } from '../request-headers.js';

/** Runs a piece of work with the repository of the caller. */
export type AsCaller = <T>(work: (repository: ResourceRepository) => Promise<T>) => Promise<T>;

/** Where the resources of one request come from, and what is done with them on the way. */
export interface GraphqlAccess {
  readonly audit: ReadAudit;
  readonly attachments: SignedAttachments;
  /** Decides whether the whole request or each piece of it is repeated when rights change in between. */
  readonly asCaller: AsCaller;
}

export function repositorySource(request: FastifyRequest, access: GraphqlAccess): GraphqlSource {
  const { audit, asCaller } = access;
  const { database } = sessionOf(request).runtime;
  const { version, ownBaseUrls = [] } = database;

  const audited = <T>(
    entity: string,
    work: (repository: ResourceRepository) => Promise<T>,
    shown: (result: T) => Iterable<AuditedResource>,
  ): Promise<T> => recordingRead(audit, request, entity, () => asCaller(work), shown);

  const readOne = async ({ type, id }: ResourceIdentity): Promise<SourceResource | OutcomeError> => {
    try {
      const version = await audited(`${type}/${id}`, (repository) => repository.read(type, id), theOne);
      return await shownOne(request, access, version);
    } catch (error) {
      if (error instanceof OutcomeError) return error;
      throw error;
    }
  };

  const readMany = async (identities: readonly ResourceIdentity[]): Promise<(SourceResource | OutcomeError)[]> => {
    const [first] = identities;
    // Reading one says precisely why it cannot be shown, and is the quickest statement there is.
    if (first !== undefined && identities.length === 1) return [await readOne(first)];
    const each = await audited(
      entityOf(identities),
      (repository) => repository.readEach(identities),
      (found) => [...found.values()].flatMap((version) => (version instanceof OutcomeError ? [] : [version])),
    );
    const found = identities.map(({ type, id }) => each.get(`${type}/${id}`) ?? notFound());
    const refused = identities.filter((_, index) => isRefusal(found[index]));
    if (refused.length > 0) recordRead(audit, request, entityOf(refused), 'refused');
    const versions = found.flatMap((version) => (version instanceof OutcomeError ? [] : [version]));
    const resources = (await shownEach(request, access, versions)).values();
    return found.map((version) => (version instanceof OutcomeError ? version : (resources.next().value ?? notFound())));
  };

  return {
    version,
    ownBaseUrls,
    readMany,
    search: async (type: string, parameters: SearchParameters) => {
      const search = parseSearch(version, type, parameters, { handling: 'strict', ownBaseUrls });
      const query = new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value])).toString();
      const result = await audited(`${type}?${query}`, (repository) => repository.search(search), allFound);
      const { hits, total, next } = result;
      return {
        resources: await shownEach(request, access, hits),
        ...(total === undefined ? {} : { total }),
        ...(next === undefined ? {} : { next }),
      };
    },
  };
}

/** Changes by the repository. They record themselves; `access.asCaller` must repeat each by itself. */
export function repositoryWriter(request: FastifyRequest, access: GraphqlAccess): GraphqlWriter {
  const { audit, asCaller } = access;
  const { database } = sessionOf(request).runtime;
  const written = async <T>(work: (repository: ResourceRepository) => Promise<T>): Promise<T> => {
    const result = await asCaller(work);
    audit.sealSoon(database);
    return result;
  };
  return {
    create: async (type, text) => {
      const resource = resourceOf(text, type);
      const { version } = await written((repository) => repository.create(resource));
      return shownOne(request, access, version);
    },
    update: async (type, id, text) => {
      const resource = resourceOf(text, type);
      const { version } = await written((repository) => repository.update(type, id, resource));
      return shownOne(request, access, version);
    },
    delete: async (type, id) => {
      await written((repository) => repository.delete(type, id));
    },
  };
}

async function shownOne(
  request: FastifyRequest,
  access: GraphqlAccess,
  version: StoredVersion,
): Promise<SourceResource> {
  const [shown] = await shownEach(request, access, [version]);
  if (shown === undefined) throw notFound();
  return shown;
}

/** The versions as REST shows them; the Binaries of their attachments are looked up together. */
async function shownEach(
  request: FastifyRequest,
  { attachments, asCaller }: GraphqlAccess,
  versions: readonly StoredVersion[],
): Promise<SourceResource[]> {
  const extended = wantsExtendedMeta(request.headers);
  const texts = versions.map((version) => shownBody(version, { extended }));
  const shown = await attachments.signedEach(request, texts, asCaller);
  return versions.map(({ type, id }, index) => ({ type, id, text: shown[index] ?? texts[index] ?? '' }));
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

const isRefusal = (found: unknown): boolean => found instanceof OutcomeError && found.category === 'forbidden';

/** What the audit says was read: `Patient?_id=1,2 Group?_id=3`. */
function entityOf(identities: readonly ResourceIdentity[]): string {
  const idsByType = new Map<string, string[]>();
  for (const { type, id } of identities) idsByType.set(type, [...(idsByType.get(type) ?? []), id]);
  return [...idsByType].map(([type, ids]) => `${type}?_id=${ids.join(',')}`).join(' ');
}
