/** Removing fields from the text of a resource. What stays keeps its characters. */
import { memberName, spansOf } from '#fhir';
import { fieldTree, identifyingMembers, treeOfMember, versionMembers, type FieldTree } from './field-paths.js';

/**
 * What of a resource is shown whatever a rule hides. The security context of a Binary names the resource that whoever
 * reads the Binary must be able to read: to hide it would protect nothing, and would make the Binary look like one that
 * everybody may have.
 */
const shownMembers: ReadonlySet<string> = new Set([...identifyingMembers, 'securityContext']);

/**
 * The text of a resource (in normal form) without the fields at `paths`. Its type and id, the number and time of its
 * version, and the security context of a Binary always stay. An object that loses all its members goes too, unless it is one of several items of a list: there
 * it stays as `{}`, so that the others keep their places. A field that is not there is no error.
 */
export function hideFields(bodyText: string, paths: readonly string[]): string {
  const tree = fieldTree(paths);
  if (tree.below.size === 0) return bodyText;
  const members = spansOf(bodyText).flatMap((span) => {
    const name = memberName(bodyText, span);
    const whole = bodyText.slice(span.start, span.end);
    const found = shownMembers.has(name) ? undefined : treeOfMember(tree, name);
    if (found === undefined) return [whole];
    const head = bodyText.slice(span.start, span.value);
    const value = bodyText.slice(span.value, span.end);
    if (name === 'meta') return [head + hiddenMeta(value, found)];
    const kept = found.isMeant ? undefined : hidden(value, found);
    return kept === undefined ? [] : [head + kept];
  });
  return `{${members.join(',')}}`;
}

/** The text of the members of an extended meta (without braces) without the fields at `paths` of the resource. */
export function hideExtendedMeta(extendedMeta: string, paths: readonly string[]): string {
  const tree = fieldTree(paths).below.get('meta');
  return tree === undefined || extendedMeta === '' ? extendedMeta : hiddenMeta(`{${extendedMeta}}`, tree).slice(1, -1);
}

function hiddenMeta(text: string, tree: FieldTree): string {
  const members = spansOf(text).flatMap((span) => {
    const name = memberName(text, span);
    const whole = text.slice(span.start, span.end);
    if (versionMembers.has(name)) return [whole];
    return tree.isMeant ? [] : keptMember(text, span, treeOfMember(tree, name));
  });
  return `{${members.join(',')}}`;
}

/** The value without the fields of `tree`; undefined when nothing of it is left. */
function hidden(text: string, tree: FieldTree): string | undefined {
  if (text.startsWith('[')) {
    const items = spansOf(text).map((span) => hidden(text.slice(span.value, span.end), tree));
    if (items.every((item) => item === undefined)) return undefined;
    return `[${items.map((item) => item ?? '{}').join(',')}]`;
  }
  // A path that goes on below a primitive or null leads to nothing.
  if (!text.startsWith('{')) return text;
  const members = spansOf(text).flatMap((span) => keptMember(text, span, treeOfMember(tree, memberName(text, span))));
  return members.length === 0 ? undefined : `{${members.join(',')}}`;
}

function keptMember(
  text: string,
  { start, value, end }: ReturnType<typeof spansOf>[number],
  tree: FieldTree | undefined,
): string[] {
  if (tree === undefined) return [text.slice(start, end)];
  const kept = tree.isMeant ? undefined : hidden(text.slice(value, end), tree);
  return kept === undefined ? [] : [text.slice(start, value) + kept];
}
