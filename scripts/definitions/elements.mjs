/** The element tree of a StructureDefinition: what the snapshot's flat list says about each element's members. */

/**
 * The elements of the snapshot by the path of the element they belong to, in the snapshot's order. Slices are left out:
 * the base types have them for documentation only.
 */
export function membersByPath({ snapshot }) {
  const members = new Map();
  for (const element of snapshot.element.slice(1)) {
    if (element.sliceName !== undefined || element.max === '0') continue;
    const parent = element.path.slice(0, element.path.lastIndexOf('.'));
    if (!members.has(parent)) members.set(parent, []);
    members.get(parent).push(element);
  }
  return members;
}

/** The element's own name, with `[x]` when it is a choice. */
export function elementName({ path }) {
  return path.slice(path.lastIndexOf('.') + 1);
}

/** The names that the element may have in JSON: one for each type of a choice. */
export function jsonNames(element) {
  const name = elementName(element);
  if (!name.endsWith('[x]')) return [name];
  const base = name.slice(0, -'[x]'.length);
  return element.type.map(({ code }) => base + code.charAt(0).toUpperCase() + code.slice(1));
}

/** True when the element is a backbone element with members of its own, hence a definition under its path. */
export function hasDefinition(members, { path, type }) {
  const isBackbone = type[0].code === 'BackboneElement' || type[0].code === 'Element';
  return isBackbone && (members.get(path) ?? []).some((member) => !common.includes(elementName(member)));
}

const common = ['id', 'extension', 'modifierExtension'];
