/**
 * JSON text with line breaks and two spaces of indentation, every value as it stands: numbers keep their text. `json`
 * must be valid JSON; white space outside its strings is dropped. For `_pretty=true`
 * (https://hl7.org/fhir/R4/http.html#pretty).
 */
export function prettyJson(json: string): string {
  let pretty = '';
  let depth = 0;
  let isOpened = false;
  const lineBreak = () => `\n${'  '.repeat(depth)}`;
  for (let at = 0; at < json.length;) {
    const end = tokenEnd(json, at);
    const token = json.slice(at, end);
    at = end;
    if (token.trim() === '') continue;
    if (token === '}' || token === ']') {
      depth--;
      pretty += isOpened ? token : lineBreak() + token;
      isOpened = false;
      continue;
    }
    if (isOpened) pretty += lineBreak();
    isOpened = token === '{' || token === '[';
    if (isOpened) depth++;
    pretty += token === ',' ? `,${lineBreak()}` : token === ':' ? ': ' : token;
  }
  return pretty;
}

/** Structure and white space stand for themselves; a number or a word ends before the next of them. */
const MARKS = new Set('{}[],: \t\r\n"');

/** Where the token that starts at `start` ends. Strings may be megabytes long, so they are not left to a pattern. */
function tokenEnd(json: string, start: number): number {
  if (json[start] === '"') return stringEnd(json, start);
  let end = start + 1;
  if (MARKS.has(json.charAt(start))) return end;
  while (end < json.length && !MARKS.has(json.charAt(end))) end++;
  return end;
}

function stringEnd(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end !== -1; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json[end - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
  return json.length;
}
