/** An event of a stream as https://html.spec.whatwg.org/multipage/server-sent-events.html defines it. */
export interface ServerSentEvent {
  readonly type: string;
  readonly data: string;
}

/**
 * Gives the events of a stream, each when its last line is there, and ends with the stream. Comments and the fields
 * `id` and `retry` are passed over: who follows reconnects by its own rules. An event that the end of the stream cuts
 * off is dropped, as the standard wants it.
 */
export async function* readServerSentEvents(stream: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  let type = '';
  let data: string[] = [];
  for await (const line of readLines(stream)) {
    if (line === '') {
      if (data.length > 0) yield { type: type === '' ? 'message' : type, data: data.join('\n') };
      type = '';
      data = [];
      continue;
    }
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!;
    if (field === 'event') type = value;
    if (field === 'data') data.push(value);
  }
}

/** The lines of a stream of UTF-8, without their ends: LF, CR or both. What follows the last end is no line. */
async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of stream) {
    rest += decoder.decode(bytes, { stream: true });
    // A CR at the very end may be the first half of an end.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest.endsWith('\r')) yield rest.slice(0, -1);
}
