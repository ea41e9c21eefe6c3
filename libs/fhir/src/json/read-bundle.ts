import { badRequest } from '../outcomes/outcome-error.js';
import type { JsonObject } from './json-value.js';
import { memberName, spansOf } from './members.js';
import { normalForm } from './normal-form.js';
import { maxResourceDepth } from './read-resource.js';

export interface BundleText {
  /** The Bundle as a value, without the resources of its entries. */
  value: JsonObject;
  /** The text of each entry's resource in normal form, in the order of the entries; each is for readResource. */
  resources: (string | undefined)[];
}

/** A Bundle puts three levels around a resource: itself, the array of entries, and the entry. */
const maxBundleDepth = maxResourceDepth + 3;

/**
 * Reads a batch or transaction Bundle so that each entry's resource keeps its own text. Throws OutcomeError `invalid`
 * like readResource. Entries of another form than an object are left in `value` for validation to refuse.
 */
export function readBundle(text: string): BundleText {
  const { text: normal, members } = normalForm(text, { maxDepth: maxBundleDepth });
  if (!normal.startsWith('{')) throw badRequest('A Bundle must be a JSON object', { code: 'structure' });
  const resources: (string | undefined)[] = [];
  const envelope = members.map((span) => {
    if (memberName(normal, span) !== 'entry' || normal[span.value] !== '[') return normal.slice(span.start, span.end);
    return `"entry":${takeResources(normal.slice(span.value, span.end), resources)}`;
  });
  return { value: JSON.parse(`{${envelope.join(',')}}`) as JsonObject, resources };
}

/** Moves the resources of `entries` (the text of an array) to `resources` and returns the array without them. */
function takeResources(entries: string, resources: (string | undefined)[]): string {
  const rest = spansOf(entries).map((span, index) => {
    const entry = entries.slice(span.start, span.end);
    resources[index] = undefined;
    if (!entry.startsWith('{')) return entry;
    const members = spansOf(entry).filter((member) => {
      if (memberName(entry, member) !== 'resource') return true;
      resources[index] = entry.slice(member.value, member.end);
      return false;
    });
    return `{${members.map((member) => entry.slice(member.start, member.end)).join(',')}}`;
  });
  return `[${rest.join(',')}]`;
}
