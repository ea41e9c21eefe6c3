import type { Readable } from 'node:stream';
import type { ResourceText } from '#fhir';
import { EncryptedFiles, type ByteRange, type FileStorage, type StoredFile } from '#files';
import { deriveKey, uuidv7 } from '#platform';
import {
  assertOwnPlace,
  binaryOf,
  type ContentPlace,
  findPlace,
  type NewBinary,
  openPlace,
  withPlace,
} from './binary-text.js';

/** The contents of one project's Binaries: files in its own area, encrypted with keys of its own. */
export class BinaryContents {
  private readonly encrypted: EncryptedFiles;
  private readonly placeKey: Buffer;

  /** `fileKey` is the project's (`projectKeys`). */
  constructor(storage: FileStorage, projectId: string, fileKey: Buffer) {
    this.encrypted = new EncryptedFiles(storage, projectId, deriveKey(fileKey, 'contents'));
    this.placeKey = deriveKey(fileKey, 'places of contents');
  }

  /** Stores a content. It belongs to nothing until a Binary that names its place is stored too. */
  async put(content: AsyncIterable<Uint8Array>, fileName?: string): Promise<ContentPlace> {
    const file = uuidv7();
    const size = await this.encrypted.put(file, content);
    return { file, size, ...(fileName === undefined ? {} : { fileName }) };
  }

  /** Reads a content, or a part of it. */
  open(place: ContentPlace, range?: ByteRange): Promise<Readable> {
    return this.encrypted.get(place.file, place.size, range);
  }

  /** Removes a content whose Binary was refused. */
  discard(place: ContentPlace): Promise<void> {
    return this.encrypted.delete(place.file);
  }

  /** Where the content of the Binary `id` with this stored text is. */
  placeOf(id: string, body: string): ContentPlace | undefined {
    return findPlace(this.placeKey, id, body);
  }

  /** The same for a sealed place that was found in such a text. */
  openPlace(id: string, sealed: string): ContentPlace | undefined {
    return openPlace(this.placeKey, id, sealed);
  }

  /** The files there are; `after` is a name from which to go on. */
  files(after?: string): AsyncIterable<StoredFile> {
    return this.encrypted.list(after);
  }

  /** Removes a file that no Binary names. */
  remove(file: string): Promise<void> {
    return this.encrypted.delete(file);
  }

  binaryOf(binary: NewBinary): ResourceText {
    return binaryOf(this.placeKey, binary);
  }

  withPlace(id: string, text: ResourceText, place: ContentPlace): ResourceText {
    return withPlace(this.placeKey, id, text, place);
  }

  assertOwnPlace(id: string, text: ResourceText): void {
    assertOwnPlace(this.placeKey, id, text);
  }
}
