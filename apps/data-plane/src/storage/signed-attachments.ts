import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { binaryUrls, OutcomeError, type BinaryUrl } from '#fhir';
import type { ResourceRepository, StoredVersion } from '#fhir-store';
import { systemClock } from '#platform';
import { runAsCaller } from '../fhir/run-as-caller.js';
import { BaseUrls } from '../tenant/base-urls.js';
import { sessionOf, tenantOf } from '../tenant/request-tenant.js';

/** Runs a piece of work with the repository of the caller. */
type AsCaller = <T>(work: (repository: ResourceRepository) => Promise<T>) => Promise<T>;

/**
 * Shows attachments with addresses from which their content can be loaded, by an `<img>` too: `Binary/<id>` becomes a
 * signed address where the caller may read that Binary and the security context that it names, and stays otherwise.
 */
@Injectable()
export class SignedAttachments {
  constructor(private readonly baseUrls: BaseUrls) {}

  /** Whether `text` names a Binary as the content of an Attachment. */
  areIn(request: FastifyRequest, text: string): boolean {
    return binaryUrls(sessionOf(request).runtime.database.version, text).length > 0;
  }

  /** The text of a resource that is about to be sent to the caller of the request. */
  async signed(request: FastifyRequest, text: string): Promise<string> {
    const [shown = text] = await this.signedEach(request, [text]);
    return shown;
  }

  /** The same for several, whose Binaries are looked up together. */
  async signedEach(
    request: FastifyRequest,
    texts: readonly string[],
    asCaller: AsCaller = (work) => runAsCaller(request, work),
  ): Promise<readonly string[]> {
    const { version } = sessionOf(request).runtime.database;
    const places = texts.map((text) => binaryUrls(version, text));
    const ids = new Set(places.flatMap((urls) => urls.map(({ id }) => id)));
    if (ids.size === 0) return texts;
    const readable = await asCaller((repository) => readBinaries(repository, [...ids]));
    const addresses = new Map(readable.map((binary) => [binary.id, this.addressOf(request, binary)]));
    return texts.map((text, index) => withAddresses(text, places[index] ?? [], addresses));
  }

  /** The signed address of a Binary that the caller has just written, if they may also read it. */
  async addressOfWritten(request: FastifyRequest, binary: StoredVersion): Promise<string | undefined> {
    const [readable] = await runAsCaller(request, (repository) => readBinaries(repository, [binary.id]));
    return readable && this.addressOf(request, readable);
  }

  private addressOf(request: FastifyRequest, { id, versionId }: StoredVersion): string {
    const session = sessionOf(request);
    const content = { id, versionId, agent: session.caller(request.id).agent };
    return (
      this.baseUrls.ofRequest(request, tenantOf(request)) +
      session.runtime.storageLinks.addressOf(content, systemClock.now())
    );
  }
}

/** Whether a Binary has a content, and the caller's policy does not hide it. */
const CONTENT = /"_?data":/;

/**
 * Those of the Binaries whose content the caller may read. Some hold their bytes themselves: when there are too many of these to be
 * looked at together, they are looked at in parts, and one that is too long for that is left out.
 */
async function readBinaries(repository: ResourceRepository, ids: readonly string[]): Promise<StoredVersion[]> {
  try {
    const readable = await repository.readMany(ids.map((id) => ({ type: 'Binary', id })));
    return [...readable.values()].filter(({ body }) => CONTENT.test(body));
  } catch (error) {
    if (!(error instanceof OutcomeError) || error.category !== 'too-costly') throw error;
    if (ids.length === 1) return [];
    const half = Math.ceil(ids.length / 2);
    const first = await readBinaries(repository, ids.slice(0, half));
    return [...first, ...(await readBinaries(repository, ids.slice(half)))];
  }
}

function withAddresses(text: string, urls: readonly BinaryUrl[], addresses: ReadonlyMap<string, string>): string {
  let shown = '';
  let from = 0;
  for (const { start, end, id } of urls) {
    const address = addresses.get(id);
    if (address === undefined) continue;
    shown += text.slice(from, start) + JSON.stringify(address);
    from = end;
  }
  return shown + text.slice(from);
}
