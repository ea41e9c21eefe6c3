/**
 * Writing a Binary: the content goes to its file first, and the row that names it is written when the content is safe.
 * A write that is refused takes its content with it. When it is unknown whether the row was written (the database went
 * away), the content stays: a file that nothing names is a lesser evil than a Binary without its content.
 */
import { OutcomeError, type ResourceText } from '#fhir';
import { StaleRights, type StoredVersion } from '#fhir-store';
import { DomainError } from '#platform';
import type { BinaryContents } from './binary-contents.js';
import { takeData, type ContentPlace, type NewBinary } from './binary-text.js';
import type { RawUpload } from './raw-upload.js';

export interface UploadNames {
  readonly id: string;
  readonly fileName: string | undefined;
  readonly securityContext: string | undefined;
}

/** What a write of the store resulted in. */
export interface Written {
  readonly version: StoredVersion;
  readonly created: boolean;
  /** Of an update, whether it made a version. */
  readonly changed?: boolean;
}

/** Stores an uploaded content and gives its Binary to `write`. */
export async function writeUpload<T extends Written>(
  contents: BinaryContents,
  { contentType, content }: RawUpload,
  { id, fileName, securityContext }: UploadNames,
  write: (text: ResourceText) => Promise<T>,
): Promise<T> {
  const place = await contents.put(content, fileName);
  const binary: NewBinary = { id, contentType, securityContext, place };
  return keepingOnSuccess(contents, place, () => write(contents.binaryOf(binary)));
}

/** Stores the content in the `data` of a Binary that came as a resource, and gives the rest to `write`. */
export async function writeResource<T extends Written>(
  contents: BinaryContents,
  id: string,
  text: ResourceText,
  write: (text: ResourceText) => Promise<T>,
): Promise<T> {
  const data = takeData(text);
  if (data === undefined) {
    contents.assertOwnPlace(id, text);
    return write(text);
  }
  const place = await contents.put(onePiece(data));
  return keepingOnSuccess(contents, place, () => write(contents.withPlace(id, text, place)));
}

async function* onePiece(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function keepingOnSuccess<T extends Written>(
  contents: BinaryContents,
  place: ContentPlace,
  write: () => Promise<T>,
): Promise<T> {
  try {
    const written = await write();
    // A conditional create that found its Binary has stored nothing.
    if (!written.created && written.changed !== true) await contents.discard(place);
    return written;
  } catch (error) {
    const isRefusal = error instanceof OutcomeError || error instanceof DomainError || error instanceof StaleRights;
    if (isRefusal) await contents.discard(place);
    throw error;
  }
}
