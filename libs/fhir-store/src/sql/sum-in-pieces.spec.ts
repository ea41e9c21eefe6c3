import { OutcomeError, tooCostly } from '#fhir';
import { sumInPieces } from './sum-in-pieces.js';

/** Sums lengths of which a piece may have ten together. */
const pieces: (readonly number[])[] = [];
const work = async (piece: readonly number[]): Promise<number> => {
  const sum = piece.reduce((all, length) => all + length, 0);
  if (sum > 10) throw tooCostly('too long');
  pieces.push(piece);
  return sum;
};

test('what is too long together is done in halves, each item once', async () => {
  expect(await sumInPieces([1, 2, 9, 4], work)).toBe(16);
  expect(pieces).toEqual([[1, 2], [9], [4]]);
});

test('an item that is too long by itself is refused, and other errors pass', async () => {
  await expect(sumInPieces([1, 11], work)).rejects.toBeInstanceOf(OutcomeError);
  await expect(sumInPieces([1, 2], () => Promise.reject(new TypeError('broken')))).rejects.toBeInstanceOf(TypeError);
});
