/** Streams of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), as a client reads them. */

interface ServerEvent<Data> {
  event?: string;
  data: Data;
}

/** Reads the stream; `events` grows while it is open. */
export async function follow<Data>(url: string, headers: Record<string, string>) {
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  const events: ServerEvent<Data>[] = [];
  const closed = (async () => {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body!) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop()!;
      for (const block of blocks) {
        const line = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
        const data = line('data');
        if (data !== undefined) events.push({ event: line('event'), data: JSON.parse(data) as Data });
      }
    }
  })();
  return { response, events, closed, abort };
}
