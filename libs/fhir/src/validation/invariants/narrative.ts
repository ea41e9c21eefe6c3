/**
 * A quick look at narratives (https://hl7.org/fhir/R4/narrative.html#xhtml): the texts that applications write nearly
 * always are plain enough to be seen as correct in one pass.
 */

const elements = new Set(
  (
    'a abbr acronym address b bdo big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 ' +
    'h6 hr i img kbd li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var'
  ).split(' '),
);

/** Attributes that stand on any element, and on the elements that are known for them. */
const attributes = new Set('title style class id lang dir span align valign colspan rowspan headers scope'.split(' '));
const attributesOf: Record<string, readonly string[]> = {
  a: ['href', 'name'],
  img: ['src', 'alt', 'height', 'width'],
  table: ['border', 'cellpadding', 'cellspacing', 'summary', 'width'],
};

const xhtml = 'http://www.w3.org/1999/xhtml';

/** The entities that XML has, and numbers of characters in the range where there are no odd ones. */
const entity = /&(?:amp|lt|gt|quot|apos|#(?:9|10|13|3[2-9]|[4-9]\d|[1-9]\d{2,3}|[1-4]\d{4}));/.source;
const attribute = String.raw`\s+[a-z]+="[^"<&]*(?:${entity}[^"<&]*)*"`;
/** A tag with its attributes, or a stretch of text, of the plain kinds. */
const piece = new RegExp(String.raw`<(\/?)([a-z][a-z0-9]*)((?:${attribute})*)\s*(\/?)>|[^<&]+|${entity}`, 'y');
const attributeForm = /([a-z]+)="([^"]*)"/g;
/** Characters that XML does not have, or has in pairs only. */
const oddCharacter = /[^\t\n\r -\ud7ff\ue000-\ufffd]/;

/** True when there is some text or an image in the narrative. */
export function hasNarrativeContent(div: string): boolean {
  return /<img\s|>\s*[^<\s]/.test(div);
}

/**
 * True when `div` surely is one well-formed `div` element of the elements and attributes that narratives may have. False
 * says nothing: what is not plain must be judged otherwise.
 */
export function isPlainNarrative(div: string): boolean {
  if (oddCharacter.test(div)) return false;
  const open: string[] = [];
  piece.lastIndex = 0;
  while (piece.lastIndex < div.length) {
    const isStart = piece.lastIndex === 0;
    const match = piece.exec(div);
    if (!match) return false;
    const [, closing, name, given = '', empty] = match;
    if (name === undefined) {
      if (open.length === 0) return false;
    } else if (closing) {
      if (open.pop() !== name || given !== '' || empty) return false;
      if (open.length === 0 && piece.lastIndex < div.length) return false;
    } else {
      if (isStart ? name !== 'div' : open.length === 0) return false;
      if (!elements.has(name) || !hasPlainAttributes(name, given)) return false;
      if (!empty) open.push(name);
    }
  }
  return open.length === 0 && div !== '';
}

function hasPlainAttributes(element: string, given: string): boolean {
  if (given === '') return true;
  const seen = new Set<string>();
  for (const [, name = '', value] of given.matchAll(attributeForm)) {
    const isKnown =
      attributes.has(name) || attributesOf[element]?.includes(name) || (name === 'xmlns' && value === xhtml);
    if (!isKnown || seen.has(name)) return false;
    seen.add(name);
  }
  return true;
}
