/**
 * What somebody means who types into a field with options: each typed word begins a word of the display, or the code. What
 * is more likely meant comes first. Case and accents do not count.
 */
import { setImmediate } from 'node:timers/promises';
import type { ExpandedCode } from './value-set.js';

/** How many codes, and how many characters of them, are looked at before others get their turn. */
const SLICE = 5_000;
const SLICE_CHARACTERS = 200_000;
const MAX_WORDS = 20;

/**
 * Those of the codes that match `text`, better matches first and otherwise in their order; all of them when there is no word
 * in it. Words behind the twentieth do not count, nor do parts of a word behind its twentieth.
 */
export async function matchingCodes(codes: readonly ExpandedCode[], text: string): Promise<readonly ExpandedCode[]> {
  const typed = plain(text).trim();
  const terms = typed
    .split(/\s+/)
    .filter((term) => term !== '')
    .slice(0, MAX_WORDS);
  if (terms.length === 0) return codes;
  const words = terms.map((term) => ({ term, parts: wordsOf(term).slice(0, MAX_WORDS) }));
  const ranked: ExpandedCode[][] = ranks.map(() => []);
  const looked = { codes: 0, characters: 0 };
  for (const code of codes) {
    if (looked.codes === SLICE || looked.characters > SLICE_CHARACTERS) {
      await setImmediate();
      Object.assign(looked, { codes: 0, characters: 0 });
    }
    const shown = { code: plain(code.code), display: plain(code.display ?? '') };
    looked.codes += 1;
    looked.characters += shown.code.length + shown.display.length;
    if (!matches(shown, words)) continue;
    ranked[ranks.findIndex((fits) => fits(shown, typed))]?.push(code);
  }
  return ranked.flat();
}

interface PlainCode {
  readonly code: string;
  readonly display: string;
}

/** The best first; the last one fits everything. */
const ranks: readonly ((shown: PlainCode, typed: string) => boolean)[] = [
  ({ code, display }, typed) => code === typed || display === typed,
  ({ display }, typed) => display.startsWith(typed),
  ({ code }, typed) => code.startsWith(typed),
  () => true,
];

function matches(
  { code, display }: PlainCode,
  words: readonly { readonly term: string; readonly parts: readonly string[] }[],
): boolean {
  let shown: readonly string[] | undefined;
  return words.every(({ term, parts }) => {
    if (code.startsWith(term)) return true;
    const displayed = (shown ??= wordsOf(display));
    return parts.length > 0 && parts.every((part) => displayed.some((word) => word.startsWith(part)));
  });
}

const wordsOf = (text: string): string[] => text.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');

const plain = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase();
