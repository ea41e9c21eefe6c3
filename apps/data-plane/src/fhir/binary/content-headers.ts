/** Headers under which the content of a Binary is sent, so that no browser can be made to run it as ours. */

/** What a browser shows without running anything in it. Everything else is only offered for saving. */
const PASSIVE = /^(?:image\/(?!svg\b)[\w.+-]+|audio\/[\w.+-]+|video\/[\w.+-]+|application\/pdf|text\/plain)\s*(?:;|$)/i;

/** A content type that can stand in a header as it is. */
const SENDABLE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;[\t\x20-\x7e]*)?$/;

/** The headers for a content of the given type; `fileName` is the name that it was uploaded under. */
export function contentHeaders(contentType: string, fileName: string | undefined): Record<string, string> {
  const isSendable = SENDABLE.test(contentType);
  const disposition = isSendable && PASSIVE.test(contentType) ? 'inline' : 'attachment';
  return {
    'content-type': isSendable ? contentType : 'application/octet-stream',
    'content-disposition': fileName === undefined ? disposition : `${disposition}; ${fileNameParameters(fileName)}`,
    'x-content-type-options': 'nosniff',
    'content-security-policy': 'sandbox',
    'accept-ranges': 'bytes',
  };
}

/** Both spellings of a name (RFC 6266 section 4.3): what is not plain ASCII stands in the second only. */
function fileNameParameters(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%/]/g, '_');
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/** A part of a content that was asked for, both ends included; `unsatisfiable` when it lies behind the end. */
export type WantedRange = { readonly start: number; readonly end: number } | 'unsatisfiable';

/**
 * Reads a Range header (RFC 9110 section 14.2) for a content of `size` bytes. Undefined, so that everything is sent: no
 * header, another unit, or several ranges, which a server may ignore.
 */
export function wantedRange(header: string | undefined, size: number): WantedRange | undefined {
  const found = /^\s*bytes\s*=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '');
  if (found === null) return undefined;
  const [, first = '', last = ''] = found;
  if (first === '') {
    if (last === '') return undefined;
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return undefined;
  return start >= size ? 'unsatisfiable' : { start, end };
}
