/**
 * Whether searching by a parameter could tell something of a field. The paths that an expression walks along are read from
 * its text, and what is in doubt counts as touched.
 */
import type { SearchParameter } from '#fhir';
import { isCapital, isFormOf, stepsOf } from './field-paths.js';

type Asked = Pick<SearchParameter, 'code' | 'expressions'>;

/** Parameters that look at every text of a resource. */
const aboutEverything: ReadonlySet<string> = new Set(['_content', '_query']);

/** What parameters look at that no expression explains. */
const unexplained: ReadonlyMap<string, string> = new Map([
  ['_text', 'text'],
  ['_list', 'entry'],
]);

/**
 * Whether the parameter, as resources of `type` have it, reads one of the fields at `paths`, something inside one, or
 * something that one is a part of.
 */
export function parameterTouches(type: string, { code, expressions }: Asked, paths: readonly string[]): boolean {
  if (paths.length === 0) return false;
  if (aboutEverything.has(code)) return true;
  const known = unexplained.get(code);
  const read = known === undefined ? expressions : [...expressions, known];
  const fields = paths.map(stepsOf);
  return read.some((expression) =>
    readPaths(type, expression).some((path) => fields.some((field) => meet(path, field))),
  );
}

/** A step of an expression: the names that its member may have in JSON, and whether they stand for all forms of a choice. */
interface ReadStep {
  readonly names: readonly string[];
  readonly isOpen: boolean;
}

const stepTo = (name: string): ReadStep => ({ names: [name], isOpen: true });

/** One is where the other is, or inside it. */
function meet(path: readonly ReadStep[], field: readonly string[]): boolean {
  return path.slice(0, field.length).every((step, index) => isSame(step, field[index] ?? ''));
}

/** Whether the step of an expression may lead to that of a path. `value` alone stands for all its forms. */
const isSame = ({ names, isOpen }: ReadStep, field: string): boolean =>
  names.some(
    (name) =>
      name === field ||
      isFormOf(field, name) ||
      (isOpen && field.startsWith(name) && isCapital(field.charCodeAt(name.length))),
  );

/** In an expression: a text in quotes, `ofType(T)` or `as(T)`, a name that a dot may follow, or anything else. */
const parts = /'(?:[^'\\]|\\.)*'|\b(?:ofType|as)\(\s*(?:FHIR\.)?(\w+)\s*\)|([A-Za-z_]\w*)(\()?|[^]/g;

/**
 * The paths that an expression walks along. What stands in the parentheses of a function is walked from the place at
 * which the function is called; also from the resource, because both may be meant.
 */
function readPaths(type: string, expression: string): ReadStep[][] {
  const paths: ReadStep[][] = [];
  const places: ReadStep[][] = [];
  let path: ReadStep[] = [];
  const end = () => {
    if (path.length > (places.at(-1)?.length ?? 0)) paths.push(path, path.slice(places.at(-1)?.length ?? 0));
  };
  let isContinued = false;
  for (const [text, form, name, call] of expression.matchAll(parts)) {
    if (text === '.') {
      isContinued = true;
      continue;
    }
    if (form !== undefined) {
      const last = path.at(-1);
      if (last !== undefined) path = [...path.slice(0, -1), formOf(last, form)];
    } else if (call !== undefined) {
      // A function with arguments. `extension(url)` walks on into the extensions.
      if (name === 'extension') path = [...path, stepTo('extension')];
      places.push(path);
    } else if (text === '(') {
      places.push(places.at(-1) ?? []);
      path = places.at(-1) ?? [];
    } else if (text === ')') {
      end();
      path = places.pop() ?? [];
    } else if (name !== undefined) {
      if (!isContinued) {
        end();
        path = places.at(-1) ?? [];
      }
      const isType = !isContinued && [type, 'Resource', 'DomainResource'].includes(name);
      if (!isType) path = [...path, stepTo(name)];
    }
    isContinued = false;
  }
  end();
  return paths;
}

/** The step narrowed to one type: that form of a choice, or the element itself when it is none. */
const formOf = ({ names }: ReadStep, type: string): ReadStep => ({
  names: [...names, ...names.map((name) => name + capitalised(type))],
  isOpen: false,
});

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
