import fc from 'fast-check';
import { hideFields } from './hide-fields.js';
import { keepFields } from './keep-fields.js';

const kept = (stored: object, written: object, ...paths: string[]) =>
  JSON.parse(keepFields(JSON.stringify(stored), JSON.stringify(written), paths)) as unknown;

describe('keepFields', () => {
  it('keeps what is stored, whatever is written, and drops what is not stored', () => {
    expect(
      kept(
        { id: 'a', birthDate: '1970', _birthDate: { id: 'b' } },
        { id: 'a', birthDate: '1980', active: true },
        'birthDate',
      ),
    ).toEqual({
      id: 'a',
      birthDate: '1970',
      _birthDate: { id: 'b' },
      active: true,
    });
    expect(kept({}, { birthDate: '1980', active: true }, 'birthDate')).toEqual({ active: true });
  });

  it('matches the items of lists of equal length by their place', () => {
    const stored = { address: [{ city: 'A', postalCode: '1' }, { postalCode: '2' }] };
    expect(kept(stored, { address: [{ city: 'B' }, {}] }, 'address.postalCode')).toEqual({
      address: [{ city: 'B', postalCode: '1' }, { postalCode: '2' }],
    });
  });

  it('matches the items of other lists by the id of the element', () => {
    const stored = {
      address: [
        { id: 'x', postalCode: '1' },
        { id: 'y', postalCode: '2' },
      ],
    };
    expect(kept(stored, { address: [{ city: 'new' }, { id: 'y' }, { id: 'x' }] }, 'address.postalCode')).toEqual({
      address: [{ city: 'new' }, { id: 'y', postalCode: '2' }, { id: 'x', postalCode: '1' }],
    });
  });

  it('knows an item without id again by how it looks to somebody who cannot see the fields', () => {
    const stored = { address: [{ city: 'A', postalCode: '1' }] };
    expect(kept(stored, { address: [{ city: 'new' }, { city: 'A' }] }, 'address.postalCode')).toEqual({
      address: [{ city: 'new' }, { city: 'A', postalCode: '1' }],
    });
  });

  it('matches long lists of items that look alike at once', () => {
    const alike = (count: number) => ({ address: Array.from({ length: count }, () => ({ city: 'A' })) });
    const started = performance.now();
    const result = kept(alike(200_000), alike(199_999), 'address.postalCode');
    // Jest compares so many items slowly.
    expect(JSON.stringify(result) === JSON.stringify(alike(199_999))).toBe(true);
    // Copying the list of those alike for each of them takes minutes.
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('erases nothing that could not be seen when an item or all of them are gone', () => {
    const stored = {
      address: [
        { city: 'A', postalCode: '1' },
        { city: 'B', postalCode: '2' },
      ],
    };
    expect(kept(stored, { address: [{ city: 'B' }] }, 'address.postalCode')).toEqual({
      address: [{ city: 'B', postalCode: '2' }, { postalCode: '1' }],
    });
    expect(kept(stored, {}, 'address.postalCode')).toEqual({ address: [{ postalCode: '1' }, { postalCode: '2' }] });
    expect(kept({ maritalStatus: { text: 't', id: 'm' } }, { maritalStatus: 'gone' }, 'maritalStatus.text')).toEqual({
      maritalStatus: { text: 't' },
    });
  });

  it('keeps the text of numbers', () => {
    expect(keepFields('{"a":1.00,"b":2.50}', '{"a":3.0,"c":4.10}', ['a'])).toBe('{"a":1.00,"c":4.10}');
  });

  it('gives back the stored resource to whoever writes what they have read', () => {
    const field = fc.constantFrom('a', 'b', 'c', 'valueString', 'id');
    const value = fc.letrec((tie) => ({
      any: fc.oneof({ maxDepth: 3 }, fc.constantFrom('x', 'y', 1), tie('list'), tie('object')),
      list: fc.array(tie('object'), { minLength: 1, maxLength: 3 }),
      object: fc.dictionary(field, tie('any'), { minKeys: 1, maxKeys: 4 }),
    }));
    const path = fc
      .array(fc.constantFrom('a', 'b', 'value[x]'), { minLength: 1, maxLength: 3 })
      .map((steps) => steps.join('.'));
    fc.assert(
      fc.property(value.object, fc.array(path, { maxLength: 3 }), (stored, paths) => {
        const text = JSON.stringify(stored);
        expect(JSON.parse(keepFields(text, hideFields(text, paths), paths))).toEqual(stored);
      }),
      { numRuns: 500, seed: 1 },
    );
  });
});
