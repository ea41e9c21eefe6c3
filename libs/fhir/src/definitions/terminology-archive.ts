/**
 * The ValueSets and CodeSystems that come with the definitions, packed in `terminology.br` (see packed-lines.ts) and cut
 * down to what expansions are computed from.
 */
import { readPackedLines } from './packed-lines.js';

export type TerminologyType = 'ValueSet' | 'CodeSystem';

/** A ValueSet or CodeSystem that comes with the program. */
export interface TerminologyResource {
  readonly type: TerminologyType;
  readonly url: string;
  readonly version?: string;
  /** The resource as JSON. */
  readonly text: () => string;
}

/** What `terminology.br` in `folder` (a URL that ends in `/`) holds, in its order. */
export function readTerminologyArchive(folder: URL): TerminologyResource[] {
  const lines = readPackedLines<[type: TerminologyType, url: string, version?: string | null]>(folder, 'terminology');
  return lines.map(({ key: [type, url, version], text }) => ({ type, url, ...(version ? { version } : {}), text }));
}
