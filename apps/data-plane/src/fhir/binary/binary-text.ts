/**
 * How the text of a Binary says where its content is. The bytes are in a file; `data` stands in the stored text as an
 * element without a value, `"_data":{"extension":[{"url":…,"valueString":<sealed place>}]}`, which is valid FHIR. The
 * place is sealed with a key of the project for this Binary: nobody can make one up, or use that of another Binary to
 * read what they have no right to. A Binary that came inside a Bundle or was patched may hold its bytes in `data` itself.
 */
import { badRequest, isJsonObject, type JsonObject, readResource, type ResourceText } from '#fhir';
import { DomainError, open, seal } from '#platform';

/** Where a content is, and what is known of it. */
export interface ContentPlace {
  /** The name of the file in the project's area. */
  readonly file: string;
  readonly size: number;
  /** The name that whoever uploaded it gave it. */
  readonly fileName?: string;
}

const PLACE_URL = 'urn:boxyard:structure-definition:binary-content';
const PLACE = new RegExp(`"_data":\\{"extension":\\[\\{"url":"${PLACE_URL}","valueString":"([A-Za-z0-9_-]+)"\\}\\]\\}`);
/** https://hl7.org/fhir/R4/datatypes.html#base64Binary, without its white space. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The member of a Binary's text that says where its content is. */
function placeMember(key: Buffer, id: string, place: ContentPlace): string {
  const sealed = seal(key, JSON.stringify(place), contextOf(id)).toString('base64url');
  return `"_data":{"extension":[{"url":"${PLACE_URL}","valueString":"${sealed}"}]}`;
}

const contextOf = (id: string): string => `binary-content:${id}`;

/** Where the content of the stored Binary `id` is; undefined when its text names no place, or one that is not its own. */
export function findPlace(key: Buffer, id: string, body: string): ContentPlace | undefined {
  const sealed = PLACE.exec(body)?.[1];
  return sealed === undefined ? undefined : openPlace(key, id, sealed);
}

/** What of a text tells where its content is, as a pattern whose one group is the sealed place. */
export const sealedPlacePattern = PLACE.source;
/** It stands in every text that says so. */
export const sealedPlaceMarker = PLACE_URL;

/** What a sealed place in the text of the Binary `id` says; undefined when it is not one of its own. */
export function openPlace(key: Buffer, id: string, sealed: string): ContentPlace | undefined {
  try {
    return JSON.parse(open(key, Buffer.from(sealed, 'base64url'), contextOf(id)).toString('utf8')) as ContentPlace;
  } catch (error) {
    if (error instanceof DomainError && error.code === 'seal-broken') return undefined;
    throw error;
  }
}

/** The stored text with the content in it, as the resource is shown. */
export function withContent(body: string, content: Buffer): string {
  // A function, because a replacement text would give a meaning to its dollar signs.
  return body.replace(PLACE, () => `"data":"${content.toString('base64')}"`);
}

export interface NewBinary {
  readonly id: string;
  readonly contentType: string;
  /** `X-Security-Context`: a reference to the resource whose readers may read the content. */
  readonly securityContext: string | undefined;
  readonly place: ContentPlace;
}

/** The resource of a content that was uploaded as it is. */
export function binaryOf(key: Buffer, { id, contentType, securityContext, place }: NewBinary): ResourceText {
  const members: JsonObject = {
    resourceType: 'Binary',
    id,
    contentType,
    ...(securityContext === undefined ? {} : { securityContext: { reference: securityContext } }),
  };
  return readResource(`${JSON.stringify(members).slice(0, -1)},${placeMember(key, id, place)}}`);
}

/** The bytes in the `data` of a Binary that came as a resource; undefined when it has none. Throws 400 for bad base64. */
export function takeData({ value }: Pick<ResourceText, 'value'>): Buffer | undefined {
  const { data, _data } = value;
  // Another JSON type is for the validation to name.
  if (typeof data !== 'string') return undefined;
  if (_data !== undefined) {
    throw badRequest('The data of a Binary cannot have extensions.', {
      code: 'not-supported',
      expression: ['Binary.data'],
    });
  }
  const base64 = data.replace(/\s+/g, '');
  if (!BASE64.test(base64)) {
    throw badRequest('The data of a Binary must be base64.', { code: 'value', expression: ['Binary.data'] });
  }
  return Buffer.from(base64, 'base64');
}

/** The same Binary with its `data` moved to `place`; its other members keep their text and order. */
export function withPlace(key: Buffer, id: string, text: ResourceText, place: ContentPlace): ResourceText {
  const at = text.otherMembers.indexOf(',"data":"');
  const end = text.otherMembers.indexOf('"', at + ',"data":"'.length) + 1;
  // No string of a valid Binary can hold these quotes unescaped, and base64 holds no quote.
  if (at === -1 || end === 0) throw badRequest('The Binary has no data of its own.', { code: 'structure' });
  const otherMembers = `${text.otherMembers.slice(0, at)},${placeMember(key, id, place)}${text.otherMembers.slice(end)}`;
  return readResource(
    `{"resourceType":"Binary","id":${JSON.stringify(id)},"meta":{${text.metaMembers}}${otherMembers}}`,
  );
}

/** Throws 400 when the text names a place that is not one of the Binary's own: it was copied from elsewhere, or made up. */
export function assertOwnPlace(key: Buffer, id: string, text: ResourceText): void {
  const { _data } = text.value;
  const extensions = isJsonObject(_data) && Array.isArray(_data.extension) ? _data.extension : [];
  const namesPlace = extensions.some((extension) => isJsonObject(extension) && extension.url === PLACE_URL);
  if (!namesPlace || findPlace(key, id, text.otherMembers) !== undefined) return;
  throw badRequest('The Binary names a content that is not its own. Send the content as data.', {
    code: 'value',
    expression: ['Binary.data'],
  });
}
