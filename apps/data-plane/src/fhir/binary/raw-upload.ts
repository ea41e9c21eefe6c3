/**
 * Uploads of a Binary's content as it is (https://hl7.org/fhir/R4/binary.html#rest): the body may have any content type,
 * JSON and forms included, and is not read into memory. Fastify chooses what reads a body by its type, so these requests
 * get a type of our own before it looks; what the client said is kept beside it.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { badRequest, tooLarge } from '#fhir';
import { parseMediaTypes } from '../../http/media-types.js';

/** Nobody can guess it: a body of this type is not read into memory, and no other route is ready for that. */
const RAW_UPLOAD_TYPE = `application/vnd.boxyard.raw-upload-${randomUUID()}`;
/** Bytes of which nobody has said what they are. */
const UNKNOWN_TYPE = 'application/octet-stream';

const UPLOAD_ROUTES: Readonly<Record<string, RegExp>> = {
  POST: /^\/fhir\/Binary\/?(?:\?|$)/,
  PUT: /^\/fhir\/Binary\/[^/?]+(?:\?|$)/,
};

/** A body in one of these is a resource; all others are contents. */
const RESOURCE_TYPES = new Set(['application/fhir+json', 'application/fhir+xml', 'application/fhir+turtle']);

const contentTypes = new WeakMap<IncomingMessage, string>();

/** Lets the routes of Binary take bodies of any type. Must be called before routes are registered. */
export function acceptRawUploads(fastify: FastifyInstance): void {
  fastify.addContentTypeParser(RAW_UPLOAD_TYPE, (_request, payload, done) => done(null, payload));
  fastify.addHook('onRequest', (request, _reply, done) => {
    markUpload(request);
    done();
  });
}

function markUpload({ raw }: FastifyRequest): void {
  if (UPLOAD_ROUTES[raw.method ?? '']?.test(raw.url ?? '') !== true) return;
  const said = raw.headers['content-type'];
  const [range] = parseMediaTypes(said ?? UNKNOWN_TYPE);
  // What is no media type at all is left to be refused.
  if (range === undefined || RESOURCE_TYPES.has(range.type)) return;
  contentTypes.set(raw, said?.trim() ?? UNKNOWN_TYPE);
  raw.headers['content-type'] = RAW_UPLOAD_TYPE;
}

/** A content as it arrives. */
export interface RawUpload {
  readonly contentType: string;
  /** Fails with an OutcomeError when the content is longer than `maxBytes`, or when the client stops sending. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** The content that a request uploads; undefined when its body is a resource. Throws 413 when it says it is too long. */
export function rawUploadOf(request: FastifyRequest, maxBytes: number): RawUpload | undefined {
  const contentType = contentTypes.get(request.raw);
  if (contentType === undefined) return undefined;
  const length = request.headers['content-length'];
  if (length === '0' || (length === undefined && request.headers['transfer-encoding'] === undefined)) {
    throw badRequest('The request has no body.', { code: 'structure' });
  }
  if (Number(length ?? 0) > maxBytes) throw tooLong(maxBytes);
  return { contentType, content: limited(request.body as Readable, maxBytes) };
}

async function* limited(body: Readable, maxBytes: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  try {
    // The connection stays open when we stop early, so that the client can read why.
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) break;
      yield chunk;
    }
  } catch (cause) {
    throw Object.assign(badRequest('The content did not arrive as a whole.', { code: 'incomplete' }), { cause });
  }
  if (size > maxBytes) throw tooLong(maxBytes);
}

function tooLong(maxBytes: number): Error {
  return tooLarge(`The content of a Binary may have ${maxBytes} bytes at most.`);
}
