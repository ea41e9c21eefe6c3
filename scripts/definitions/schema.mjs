/**
 * `schema.json`: resources, data types and backbone elements in the form that
 * `libs/fhir/src/definitions/schema-document.ts` describes, made from the StructureDefinitions.
 */
import { elementName, hasDefinition, jsonNames, membersByPath } from './elements.mjs';
import { primitiveSchema } from './primitive-schema.mjs';

/** Types that only others are made from: they never stand in a resource by themselves. */
const abstractTypes = [
  'Resource',
  'DomainResource',
  'CanonicalResource',
  'MetadataResource',
  'DataType',
  'PrimitiveType',
  'BackboneType',
  'Base',
];

/**
 * The document, the code systems from which each list of codes in it takes its codes, by the list's name, and the URLs of
 * required value sets whose codes could not be listed.
 */
export function schemaDocument(label, types, resourceTypes, expand) {
  const primitives = new Set(types.filter(({ kind }) => kind === 'primitive-type').map(({ type }) => type));
  const definitions = {};
  const systems = {};
  const context = { primitives, resourceTypes: new Set(resourceTypes), definitions, systems, expand, open: new Set() };
  for (const type of types) if (primitives.has(type.type)) definitions[type.type] = primitiveSchema(type);
  for (const type of types) {
    if (!primitives.has(type.type) && !abstractTypes.includes(type.type)) defineType(context, type);
  }
  const comment =
    `Generated from HL7 FHIR ${label} StructureDefinitions (CC0). Custom keywords: req (name, or =name when a _name ` +
    'sibling cannot satisfy it), choice ([min, base, names...]), resource (true | type: dispatch on resourceType), ' +
    'targets (annotation), text/b64 (string rules).';
  return { document: { $id: `urn:fhir:${label}`, $comment: comment, definitions }, systems, open: context.open };
}

/** Adds the definitions of a type and of the backbone elements in it, each under its path. */
function defineType(context, type) {
  const members = membersByPath(type);
  const root = type.snapshot.element[0].path;
  for (const path of new Set([root, ...members.keys()])) {
    const isResource = path === type.type && type.kind === 'resource';
    const definition = { type: 'object', properties: {}, additionalProperties: false };
    if (isResource) definition.properties.resourceType = { const: type.type };
    else definition.minProperties = 1;
    // Value sets are defined when the first element needs them, hence before the definition that holds the element.
    defineMembers({ ...context, type, members, isResource }, definition, members.get(path) ?? []);
    context.definitions[path] = definition;
  }
}

function defineMembers(context, definition, elements) {
  const required = [];
  const choices = [];
  for (const element of elements) {
    const names = jsonNames(element);
    if (elementName(element).endsWith('[x]')) {
      element.type.forEach(({ code }, form) =>
        addMember(context, definition, element, names[form], boundSchema(context, element, code), code),
      );
      const forms = element.type.map(({ code }, form) => presence(context, names[form], code));
      choices.push([element.min > 0 ? 1 : 0, elementName(element).slice(0, -'[x]'.length), ...forms]);
      continue;
    }
    const [name] = names;
    const code = element.type?.[0]?.code;
    if (element.contentReference !== undefined) {
      const path = element.contentReference.replace(/^.*#/, '');
      addMember(context, definition, element, name, { $ref: `#/definitions/${path}` });
    } else {
      addMember(context, definition, element, name, memberSchema(context, element, name, code), code);
    }
    if (element.min > 0) required.push(presence(context, name, code));
  }
  if (required.length > 0) definition.req = required;
  if (choices.length > 0) definition.choice = choices;
}

/** Adds the member called `name`, a list of them when it repeats, and for a primitive its `_name` sibling. */
function addMember({ primitives }, definition, element, name, schema, code) {
  const hasSibling = primitives.has(code) && name !== 'div';
  const repeats = element.max !== '1';
  const orNull = (items) => ({ anyOf: [items, { type: 'null' }] });
  const items = hasSibling ? orNull(schema) : schema;
  definition.properties[name] = repeats ? { type: 'array', items, minItems: 1 } : schema;
  if (!hasSibling) return;
  const sibling = { $ref: '#/definitions/Element' };
  definition.properties[`_${name}`] = repeats ? { type: 'array', minItems: 1, items: orNull(sibling) } : sibling;
}

function memberSchema(context, element, name, code) {
  if (isSystemType(code)) return systemSchema(context, name);
  if (hasDefinition(context.members, element)) return { $ref: `#/definitions/${element.path}` };
  const targets = referenceTargets(element, code);
  if (targets.length > 0 && targets[0] !== 'Resource') return { $ref: '#/definitions/Reference', targets };
  return boundSchema(context, element, code);
}

/** Ids, and the url of an extension: they are no FHIR types but FHIRPath's strings, and have no extensions. */
function systemSchema({ isResource }, name) {
  if (name === 'id') return { type: 'string', pattern: isResource ? '^[A-Za-z0-9\\-.]{1,64}$' : '^\\S+$' };
  return name === 'url' ? { type: 'string', pattern: '^\\S+$' } : { type: 'string' };
}

function referenceTargets({ type }, code) {
  if (code !== 'Reference') return [];
  return (type[0].targetProfile ?? []).map((url) => url.replace('http://hl7.org/fhir/StructureDefinition/', ''));
}

/** The schema of a type, or of the listed codes when the element is a code with a required value set. */
function boundSchema({ primitives, resourceTypes, definitions, systems, expand, open }, { binding }, code) {
  if (code === 'code' && binding?.strength === 'required' && binding.valueSet) {
    const [url] = binding.valueSet.split('|');
    const name = `vs:${url.replace(/.*\/ValueSet\//, '')}`;
    const codings = definitions[name] ? [] : expand(url);
    if (codings) {
      if (codings.length > 0) {
        definitions[name] = { enum: [...new Set(codings.map(([, listed]) => listed))] };
        systems[name] = [...new Set(codings.map(([system]) => system))];
      }
      return { $ref: `#/definitions/${name}` };
    }
    open.add(url);
  }
  if (primitives.has(code)) return { $ref: `#/definitions/${code}` };
  if (code === 'Resource') return { resource: true };
  return resourceTypes.has(code) ? { resource: code } : { $ref: `#/definitions/${code}` };
}

/** A primitive may be present by its sibling alone, other members only by themselves, which `=` says. */
function presence({ primitives }, name, code) {
  return primitives.has(code) ? name : `=${name}`;
}

function isSystemType(code) {
  return code.startsWith('http://hl7.org/fhirpath/System.');
}
