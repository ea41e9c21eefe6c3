/** `constraints.json` and `bindings.json`: what the StructureDefinitions demand beyond the form of resources. */
import { elementName, hasDefinition, membersByPath } from './elements.mjs';

/** True of every element that has a value or children; the validator sees to it for all of them at once. */
const everywhere = ['ele-1'];

/**
 * The constraints of severity error: `rules`, and by the definition whose objects they are about, their numbers; those
 * about the values of one member stand under its name (a choice under its base name), those about the object itself
 * under ''. A snapshot repeats at each element the constraints of the element's type; here each stands once.
 */
export function constraints(types) {
  const keysOfTypes = new Map(types.map((type) => [type.type, keysOf(type.snapshot.element[0])]));
  const numbers = new Map();
  const places = {};
  const place = (definition, member, { key, human, expression }) => {
    const rule = JSON.stringify({ key, human, expression });
    if (!numbers.has(rule)) numbers.set(rule, numbers.size);
    ((places[definition] ??= {})[member] ??= []).push(numbers.get(rule));
  };
  for (const type of types.filter(({ abstract }) => !abstract)) {
    const members = membersByPath(type);
    const root = type.snapshot.element[0];
    for (const constraint of errorsOf(root)) place(root.path, '', constraint);
    for (const [path, elements] of members) {
      for (const element of elements) {
        const own = errorsOf(element).filter(
          ({ key }) => !(element.type ?? []).some(({ code }) => keysOfTypes.get(code)?.has(key)),
        );
        const isDefinition = element.type?.[0]?.code !== undefined && hasDefinition(members, element);
        for (const constraint of own) {
          if (isDefinition) place(element.path, '', constraint);
          else place(path, elementName(element).replace('[x]', ''), constraint);
        }
      }
    }
  }
  return { rules: [...numbers.keys()].map((rule) => JSON.parse(rule)), places: sortedByKey(places) };
}

function errorsOf({ constraint = [] }) {
  return constraint.filter(({ key, severity }) => severity === 'error' && !everywhere.includes(key));
}

function keysOf(element) {
  return new Set(errorsOf(element).map(({ key }) => key));
}

/** Types whose codings name their system; codes without one are in the schema. */
const codedTypes = ['Coding', 'CodeableConcept', 'CodeableReference'];

/**
 * The value sets to which members of these types are bound by strength `required`, and the members, by definition. Value
 * sets that are open (see value-sets.mjs) are left out together with their members.
 */
export function bindings(types, expand) {
  const found = { valueSets: {}, bindings: {} };
  const open = new Set();
  for (const type of types.filter(({ abstract }) => !abstract)) {
    for (const [path, elements] of membersByPath(type)) {
      for (const element of elements) {
        const { strength, valueSet } = element.binding ?? {};
        if (strength !== 'required' || !valueSet || !element.type.some(({ code }) => codedTypes.includes(code)))
          continue;
        const [url] = valueSet.split('|');
        const codings = expand(url);
        if (!codings) {
          open.add(url);
          continue;
        }
        found.valueSets[url] ??= codesBySystem(codings);
        (found.bindings[path] ??= {})[elementName(element).replace('[x]', '')] = url;
      }
    }
  }
  return { document: { valueSets: sortedByKey(found.valueSets), bindings: sortedByKey(found.bindings) }, open };
}

function codesBySystem(codings) {
  const bySystem = {};
  for (const [system, code] of codings) (bySystem[system] ??= []).push(code);
  return bySystem;
}

function sortedByKey(object) {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}
