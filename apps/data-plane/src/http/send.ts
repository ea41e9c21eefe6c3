/**
 * The one way out. Answers are text that is sent as it stands, with its length; only what is longer than 1 KiB is ever
 * compressed, and only when the client asks for it.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { prettyJson } from './pretty-json.js';

const FHIR_JSON = 'application/fhir+json; charset=utf-8';
export const JSON_TYPE = 'application/json; charset=utf-8';

const COMPRESSED_FROM_LENGTH = 1024;
/** A quality of 0 says that gzip is not wanted. */
const WANTS_GZIP = /(?:^|[\s,])(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?(?:\s|,|$))[\d.]+)?\s*(?:,|$)/i;

const compress = promisify(gzip);

/** Whether an Accept-Encoding header asks for gzip (RFC 9110 section 12.5.3). */
export function acceptsGzip(header: string | string[] | undefined): boolean {
  return header !== undefined && WANTS_GZIP.test(String(header));
}

const WANTS_PRETTY = /[?&]_pretty=true(?:&|$)/;

/** White space can make a text many times as long. What is longer than this is for programs. */
const PRETTY_UP_TO_LENGTH = 1024 * 1024;

/** The JSON as it is, or laid out for people when the URL says `_pretty=true` and it is not too long for that. */
export function laidOut(request: Pick<FastifyRequest, 'raw'>, json: string | Buffer): string | Buffer {
  const isPretty = json.length <= PRETTY_UP_TO_LENGTH && WANTS_PRETTY.test(request.raw.url ?? '');
  return isPretty ? prettyJson(json.toString()) : json;
}

/**
 * Sends JSON as `laidOut` gives it: text, or bytes in UTF-8 that are kept to be sent often. Resolves when it was handed to
 * the socket; rejects never.
 */
export function sendText(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  json: string | Buffer,
  type: string = FHIR_JSON,
): void | Promise<void> {
  const text = laidOut(request, json);
  reply.statusCode = status;
  void reply.header('content-type', type);
  if (text.length <= COMPRESSED_FROM_LENGTH) {
    void reply.send(text);
    return;
  }
  addVary(reply, 'Accept-Encoding');
  if (acceptsGzip(request.headers['accept-encoding'])) return sendCompressed(reply, text);
  void reply.send(text);
}

/** Bytes that are sent often are compressed once, for as long as they are kept. */
const compressedBytes = new WeakMap<Buffer, Promise<Buffer>>();

async function sendCompressed(reply: FastifyReply, text: string | Buffer): Promise<void> {
  const bytes = await (typeof text === 'string' ? compress(text) : compressOnce(text));
  void reply.header('content-encoding', 'gzip').send(bytes);
}

function compressOnce(bytes: Buffer): Promise<Buffer> {
  let compressed = compressedBytes.get(bytes);
  if (compressed === undefined) {
    compressed = compress(bytes);
    compressedBytes.set(bytes, compressed);
  }
  return compressed;
}

/** Adds a header name to `Vary`. */
export function addVary(reply: FastifyReply, name: string): void {
  const present = reply.getHeader('vary');
  void reply.header('vary', present === undefined ? name : `${String(present)}, ${name}`);
}
