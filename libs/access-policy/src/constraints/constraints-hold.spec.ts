import { fhirVersion, type JsonObject } from '#fhir';
import { constraintsHold } from './constraints-hold.js';

const r4 = fhirVersion('R4');
const observation = (status: string, more: JsonObject = {}): JsonObject => ({
  resourceType: 'Observation',
  id: 'o',
  status,
  code: { text: 'x' },
  ...more,
});
const draft = observation('preliminary');
const final = observation('final', { subject: { reference: 'Patient/1' } });

const holds = (expression: string, after: JsonObject = final, before?: JsonObject): boolean =>
  constraintsHold(r4, [expression], { before, after });

describe('a write constraint', () => {
  it('holds when it gives exactly one true for the finished resource', () => {
    expect(holds("status = 'final'")).toBe(true);
    expect(holds("Observation.status = 'final'")).toBe(true);
    expect(holds("%after.status = 'final' and %resource.status = 'final'")).toBe(true);
  });

  it('can compare the finished resource with the stored one, which is empty on create', () => {
    expect(holds('%before.empty()')).toBe(true);
    expect(holds('%before.empty()', final, draft)).toBe(false);
    expect(holds('%before.status != status', final, draft)).toBe(true);
    expect(holds('%before.value.value = 5', final, observation('final', { valueQuantity: { value: 5 } }))).toBe(true);
    expect(holds('%before is Observation', final, draft)).toBe(true);
  });

  it('can lock a state and demand what belongs to it', () => {
    const lock = "%before.exists() implies %before.status != 'final'";
    const complete = "status = 'final' implies subject.exists()";
    const both = (before: JsonObject | undefined, after: JsonObject) =>
      constraintsHold(r4, [lock, complete], { before, after });
    expect(both(undefined, final)).toBe(true);
    expect(both(draft, final)).toBe(true);
    expect(both(final, draft)).toBe(false);
    expect(both(undefined, observation('final'))).toBe(false);
  });

  it.each([
    ['gives nothing', 'subject.display'],
    ['gives nothing because the resource has no such element', "noSuchElement = 'x'"],
    ['gives false', "status = 'draft'"],
    ['gives a value that is no boolean', 'status'],
    ['gives the text true', "'true'"],
    ['gives a resource', '%after'],
    ['gives several values', "('a' | 'b').select(true)"],
    ['is no expression', 'status = (('],
    ['is empty', ''],
    ['fails', '(1 | 2).single() = 1'],
    ['uses a variable that there is not', '%nobody.exists().not()'],
    ['would ask another server', 'subject.resolve().exists()'],
    ['would ask a terminology server', "code.memberOf('http://example.org').not()"],
    ['has brackets deeper than any that is meant', `${'('.repeat(51)}true${')'.repeat(51)}`],
    ['is longer than any that is meant', `true${' and true'.repeat(1_000)}`],
  ])('does not hold when it %s', (_, expression) => {
    expect(holds(expression)).toBe(false);
  });

  it('does not hold, and does not hold up the server, when it takes too long', () => {
    const started = performance.now();
    expect(holds("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$').not()")).toBe(false);
    expect(holds('(1 | 2 | 3).select(repeat($this + 1)).exists()')).toBe(false);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(holds("status = 'final'")).toBe(true);
  });

  it('is not tried again with every write when it takes too long', () => {
    const slow = ['(1 | 2 | 3).select(repeat($this + 2)).exists()'];
    const timeOf = (expressions: readonly string[]): number => {
      const started = performance.now();
      expect(constraintsHold(r4, expressions, { before: undefined, after: final })).toBe(false);
      return performance.now() - started;
    };
    // On a busy machine some tries are cut off before the processor has worked on them for long.
    const times = Array.from({ length: 10 }, () => timeOf(slow));
    expect(Math.min(...times)).toBeLessThan(100);
  });

  it('holds in every version by the types of that version', () => {
    const value = { resourceType: 'Observation', status: 'final', code: { text: 'x' }, valueString: 'y' };
    for (const label of ['R4', 'R4B', 'R5']) {
      expect(constraintsHold(fhirVersion(label), ["value = 'y'"], { before: undefined, after: value })).toBe(true);
    }
  });
});

describe('several write constraints', () => {
  it('must all hold', () => {
    const both = (one: string, other: string) => constraintsHold(r4, [one, other], { before: undefined, after: final });
    expect(both('true', "status = 'final'")).toBe(true);
    expect(both('true', 'false')).toBe(false);
    expect(both('false', 'true')).toBe(false);
  });

  it('hold when there are none', () => {
    expect(constraintsHold(r4, [], { before: undefined, after: final })).toBe(true);
  });
});
