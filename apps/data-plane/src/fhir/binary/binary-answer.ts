/** Answers with a Binary: its content as it is, or the resource with the content in it. */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type JsonObject, notFound, OutcomeError, tooCostly } from '#fhir';
import { showParts } from '#fhir-search';
import { wholeBody, type StoredVersion } from '#fhir-store';
import { HttpStatusError } from '../../http/http-status-error.js';
import { addVary } from '../../http/send.js';
import { sessionOf } from '../../tenant/request-tenant.js';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { wishOf } from '../negotiate-representation.js';
import { partsAsked } from '../parts-asked.js';
import { isNotModified, wantsExtendedMeta } from '../request-headers.js';
import { binaryRepresentation } from '../representation.js';
import { sendVersion, stampVersion } from '../version-answer.js';
import type { BinaryLimits } from './binary-limits.js';
import { takeData, withContent } from './binary-text.js';
import { contentHeaders, wantedRange } from './content-headers.js';

/** A content that can be read from any place on. */
interface Content {
  readonly size: number;
  readonly fileName?: string;
  readonly open: (range?: { start: number; end: number }) => Promise<Readable>;
}

/**
 * Sends the version, whose security context the caller may read, in the representation that the request asks for, 406
 * when there is none. A content of more than `limits.maxInlineBytes` is sent as it is only.
 */
export async function sendBinary(
  request: FastifyRequest,
  reply: FastifyReply,
  version: StoredVersion,
  limits: BinaryLimits,
): Promise<void> {
  const { runtime } = sessionOf(request);
  const sendWhole = (whole: StoredVersion) => {
    const body = showParts(runtime.database.version, whole.type, whole.body, partsAsked(request, whole.type));
    const extended = wantsExtendedMeta(request.headers);
    return sendVersion(request, reply, whole, wholeBody({ ...whole, body }, { extended }));
  };
  const value = JSON.parse(version.body) as JsonObject;
  const contentType = typeof value.contentType === 'string' ? value.contentType : '';
  const representation = binaryRepresentation(wishOf(request), runtime.database.version.id, contentType);
  if (representation === undefined) throw new HttpStatusError(406);
  addVary(reply, 'Accept');
  const place = runtime.binaryContents.placeOf(version.id, version.body);
  if (representation === 'resource') {
    if (place === undefined) return sendWhole(version);
    if (place.size > limits.maxInlineBytes) throw notInline(place.size, limits, contentType);
    const bytes = Buffer.concat((await (await runtime.binaryContents.open(place)).toArray()) as Buffer[]);
    return sendWhole({ ...version, body: withContent(version.body, bytes) });
  }
  return sendContent(request, reply, version, contentType, contentOf(runtime, version, value));
}

/** Sends the content of the version as it is, for whoever has a right to it. */
export async function sendBinaryContent(
  request: FastifyRequest,
  reply: FastifyReply,
  runtime: TenantRuntime,
  version: StoredVersion,
): Promise<void> {
  const value = JSON.parse(version.body) as JsonObject;
  const contentType = typeof value.contentType === 'string' ? value.contentType : '';
  return sendContent(request, reply, version, contentType, contentOf(runtime, version, value));
}

function contentOf({ binaryContents }: TenantRuntime, { id, body }: StoredVersion, value: JsonObject): Content {
  const place = binaryContents.placeOf(id, body);
  return place === undefined ? contentInside(value) : { ...place, open: (range) => binaryContents.open(place, range) };
}

function contentInside(value: JsonObject): Content {
  const data = takeData({ value: { data: value.data } });
  if (data === undefined) throw noContent();
  return {
    size: data.length,
    open: async (range) => Readable.from([data.subarray(range?.start, range && range.end + 1)]),
  };
}

async function sendContent(
  request: FastifyRequest,
  reply: FastifyReply,
  version: StoredVersion,
  contentType: string,
  { size, fileName, open }: Content,
): Promise<void> {
  stampVersion(reply, version);
  if (isNotModified(request.headers, version)) return void reply.status(304).send();
  void reply.headers(contentHeaders(contentType, fileName));
  // Our entity tags are weak, and a weak one never allows to continue an earlier download (RFC 9110 section 13.1.5).
  const range = request.headers['if-range'] === undefined ? wantedRange(request.headers.range, size) : undefined;
  if (range === 'unsatisfiable') {
    void reply.header('content-range', `bytes */${size}`);
    throw new HttpStatusError(416);
  }
  if (range !== undefined) void reply.status(206).header('content-range', `bytes ${range.start}-${range.end}/${size}`);
  void reply.header('content-length', range === undefined ? size : range.end - range.start + 1);
  // Fastify keeps the length that was set when it is given a stream, and sends nothing of it.
  if (request.method === 'HEAD') return void reply.send(Readable.from([]));
  return void reply.send(await open(range));
}

function noContent(): OutcomeError {
  const { category } = notFound();
  return new OutcomeError(category, [{ severity: 'error', code: 'not-found', text: 'The Binary has no content.' }]);
}

function notInline(size: number, { maxInlineBytes }: BinaryLimits, contentType: string): OutcomeError {
  return tooCostly(
    `The content has ${size} bytes; inside its resource at most ${maxInlineBytes} are sent. Ask for ${contentType}.`,
  );
}
