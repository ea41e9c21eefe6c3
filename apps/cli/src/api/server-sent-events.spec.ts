import { readServerSentEvents, type ServerSentEvent } from './server-sent-events.js';

async function eventsOf(...chunks: (string | Uint8Array)[]): Promise<ServerSentEvent[]> {
  const encoder = new TextEncoder();
  async function* stream() {
    for (const chunk of chunks) yield typeof chunk === 'string' ? encoder.encode(chunk) : chunk;
  }
  const events: ServerSentEvent[] = [];
  for await (const event of readServerSentEvents(stream())) events.push(event);
  return events;
}

describe('reading a stream of events', () => {
  test('gives each with its type and its data, whose lines are joined', async () => {
    expect(await eventsOf('event: rollout\ndata: {"a":\ndata: 1}\n\ndata:x\n\n')).toEqual([
      { type: 'rollout', data: '{"a":\n1}' },
      { type: 'message', data: 'x' },
    ]);
  });

  test('passes over comments, other fields and events without data', async () => {
    expect(await eventsOf(': still there\n\nid: 7\nretry: 10\nevent: none\n\ndata: a: b\n\n')).toEqual([
      { type: 'message', data: 'a: b' },
    ]);
  });

  test.each(['\n', '\r', '\r\n'])('ends lines at %j, wherever the chunks are cut', async (end) => {
    const text = `event: rollout${end}data: one${end}${end}data: two${end}${end}`;
    const expected = [
      { type: 'rollout', data: 'one' },
      { type: 'message', data: 'two' },
    ];
    expect(await eventsOf(text)).toEqual(expected);
    expect(await eventsOf(...text)).toEqual(expected);
  });

  test('puts a character together that two chunks share', async () => {
    const bytes = new TextEncoder().encode('data: ü\n\n');
    expect(await eventsOf(bytes.slice(0, 7), bytes.slice(7))).toEqual([{ type: 'message', data: 'ü' }]);
  });

  test('drops an event that the end of the stream cuts off', async () => {
    expect(await eventsOf('data: one\n\ndata: two\n')).toEqual([{ type: 'message', data: 'one' }]);
  });
});
