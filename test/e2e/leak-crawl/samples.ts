/** Resources of one side, made of official examples: their form, and in every field a text of that side. */
import { isJsonObject, type FhirVersion, type JsonObject, type JsonValue } from '#fhir';
import { identityOf } from '../../conformance/identity.js';
import { Canaries } from './canaries.js';

/** What the texts of one side look like. */
export interface Voice {
  /** The mark of its words; those of the side that crawls are no secret. */
  readonly mark: string;
  /** The year of its dates. */
  readonly year: string;
}

/** To what a reference of the example becomes one; undefined for types that have no sample. */
export type Retarget = (type: string) => string | undefined;

/** What every sample gets anew, and what says more of the type than of the resource. */
const fixedMembers = new Set(['resourceType', 'id', 'contained', 'meta', 'text', 'implicitRules', 'language']);
const extensions = new Set(['extension', 'modifierExtension']);
/** What stands in the way of a valid resource is put back, and what comes of that is looked at again, so often. */
const attempts = 4;

/** Speaks with one voice; no two of its words are the same. */
export class SampleWriter {
  private readonly canaries: Canaries;
  private numbers = 0;

  constructor(
    private readonly version: FhirVersion,
    private readonly voice: Voice,
  ) {
    this.canaries = new Canaries(voice.mark);
  }

  word(): string {
    return this.canaries.next();
  }

  /**
   * The example as a resource of the voice, with references to other samples. Undefined when it cannot be made valid: an
   * invariant may ask for more than its own texts.
   */
  rewrite(example: JsonObject, id: string, retarget: Retarget, members: JsonObject): JsonObject | undefined {
    const { type } = identityOf(example);
    const kept = new Set<string>();
    for (let attempt = 0; attempt < attempts; attempt++) {
      const rewritten = this.rewriteObject(example, type, retarget, kept);
      const text = { status: 'generated', div: `<div xmlns="http://www.w3.org/1999/xhtml">${this.word()}</div>` };
      const hasText = this.version.structure(type)?.some(({ name }) => name === 'text');
      const extension = [{ url: `http://${this.word()}.example/note`, valueString: this.word() }];
      const further = hasText === true ? { text, extension } : {};
      const resource: JsonObject = { ...rewritten, resourceType: type, id, ...further, ...members };
      const paths = this.version.validate(resource).flatMap(({ expression = [] }) => expression);
      if (paths.length === 0) return resource;
      if (paths.includes(type)) return undefined;
      for (const path of paths) kept.add(path);
    }
    return undefined;
  }

  private rewriteObject(object: JsonObject, path: string, retarget: Retarget, kept: ReadonlySet<string>): JsonObject {
    const rewritten: JsonObject = {};
    for (const [name, value] of Object.entries(object)) {
      if (value === undefined || extensions.has(name) || name.startsWith('_')) continue;
      if (!path.includes('.') && fixedMembers.has(name)) continue;
      rewritten[name] = this.rewriteValue(value, name, `${path}.${name}`, retarget, kept);
    }
    return rewritten;
  }

  private rewriteValue(
    value: JsonValue,
    name: string,
    path: string,
    retarget: Retarget,
    kept: ReadonlySet<string>,
  ): JsonValue {
    if (Array.isArray(value)) {
      return value.map((item, place) => this.rewriteValue(item, name, `${path}[${place}]`, retarget, kept));
    }
    if (isJsonObject(value)) return this.rewriteObject(value, path, retarget, kept);
    // A whole branch is put back when something in it is: invariants are told of at the element that has them.
    if ([...kept].some((problem) => path === problem || path.startsWith(`${problem}.`))) return value;
    if (typeof value === 'string') return this.rewriteText(value, name, retarget);
    if (typeof value === 'number' && name === 'value' && !Number.isInteger(value)) {
      return Number(`${this.voice.year}${++this.numbers}.25`);
    }
    return value;
  }

  private rewriteText(value: string, name: string, retarget: Retarget): string {
    if (name === 'reference') {
      const [, type] = /^([A-Z][A-Za-z]+)\//.exec(value) ?? [];
      return (type === undefined ? undefined : retarget(type)) ?? `${type ?? 'Basic'}/${this.word()}`;
    }
    if (/^\d{4}(?:-\d\d(?:-\d\d|$)|$)/.test(value)) return this.voice.year + value.slice(4);
    if (/^\d\d:\d\d:\d\d/.test(value)) return value;
    if (name === 'data' || name === 'hash') return Buffer.from(this.word()).toString('base64');
    if (/^(?:https?:|urn:)/.test(value)) return `http://${this.word()}.example/${this.word()}`;
    return this.word();
  }
}
