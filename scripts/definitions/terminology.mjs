/**
 * `terminology.br` and its index: the ValueSets and CodeSystems of a package, cut down to what an expansion is computed
 * from and shows: codes with their displays, how they are nested, and the properties that filters and lists ask for.
 */
import { packLines } from './block-archive.mjs';

/** Small, for what is read is mostly one value set here and one code system there. */
const blockLength = 250_000;

/** A list of codes of another organisation that is longer than everything else in its package together. */
const leftOut = ['http://terminology.hl7.org/ValueSet/snomed-intl-gps'];

/**
 * The two files. A package holds one version of each code system, and what was published together is meant together: a value
 * set that still names an earlier version of a system loses that name. `own` tells, by its URL, whether a system is published
 * with the package; of others the version that is named is the one that is meant.
 */
export function terminologyArchive(packageResources, own) {
  const resources = ['ValueSet', 'CodeSystem']
    .flatMap((resourceType) => packageResources(resourceType))
    .filter(({ url }) => url !== undefined && !leftOut.includes(url));
  const published = new Set(resources.filter(({ url }) => own(url)).map(({ url }) => url));
  const lines = resources.map((resource) => ({
    text: JSON.stringify(resource.resourceType === 'ValueSet' ? valueSet(resource, published) : codeSystem(resource)),
    key: [resource.resourceType, resource.url, resource.version],
  }));
  return packLines('terminology', lines, blockLength);
}

const common = ['resourceType', 'id', 'url', 'version', 'name', 'title', 'status', 'experimental', 'copyright'];

function valueSet(resource, published) {
  const { compose, expansion } = resource;
  return {
    ...picked(resource, common),
    ...(compose && { compose: { ...picked(compose, ['lockedDate', 'inactive']), ...listsOf(compose, published) } }),
    ...(expansion && { expansion: without(expansion, ['extension']) }),
  };
}

function listsOf({ include, exclude }, published) {
  const codeLists = (lists) => lists.map((list) => codeList(list, published));
  return { include: codeLists(include), ...(exclude && { exclude: codeLists(exclude) }) };
}

function codeList(list, published) {
  const concept = list.concept?.map((listed) => picked(listed, ['code', 'display']));
  const members = ['system', published.has(list.system) ? undefined : 'version', 'filter', 'valueSet'];
  return { ...picked(list, members), ...(concept && { concept }) };
}

function codeSystem(resource) {
  const { property, concept } = resource;
  return {
    ...picked(resource, [...common, 'content', 'caseSensitive', 'hierarchyMeaning', 'supplements']),
    ...(property && { property: property.map((declared) => picked(declared, ['code', 'uri', 'type'])) }),
    ...(concept && { concept: concept.map(conceptOf) }),
  };
}

function conceptOf(concept) {
  const property = concept.property?.filter(isAskedFor).map((value) => without(value, ['id', 'extension']));
  return {
    ...picked(concept, ['code', 'display']),
    ...(property?.length > 0 && { property }),
    ...(concept.concept && { concept: concept.concept.map(conceptOf) }),
  };
}

/** Not notes for people, and not what the codes are in registers of others. */
function isAskedFor({ code, valueCode, valueBoolean }) {
  if (['internalId', 'synonymCode'].includes(code) || code.startsWith('v2-')) return false;
  return valueBoolean !== undefined || valueCode !== undefined;
}

function picked(object, names) {
  return Object.fromEntries(names.filter((name) => object[name] !== undefined).map((name) => [name, object[name]]));
}

function without(object, names) {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}
