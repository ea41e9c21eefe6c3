import type { ResourceIdentity } from '../graphql-source.js';

export interface LocalReference extends ResourceIdentity {
  /** `Type/id` */
  readonly address: string;
  readonly isVersioned: boolean;
}

const form = /^([A-Z][A-Za-z]*)\/([A-Za-z0-9\-.]{1,64})(\/_history\/[A-Za-z0-9\-.]{1,64})?$/;

/**
 * The resource of the project that a literal reference names, relative or below one of the project's own base URLs;
 * undefined for any other text.
 */
export function localReference(text: string, ownBaseUrls: readonly string[]): LocalReference | undefined {
  const base = ownBaseUrls.find((url) => text.startsWith(url)) ?? '';
  const [, type, id, version] = form.exec(text.slice(base.length)) ?? [];
  if (type === undefined || id === undefined) return undefined;
  return { type, id, address: `${type}/${id}`, isVersioned: version !== undefined };
}
