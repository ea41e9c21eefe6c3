/** What the tests look at in a rollout as the control plane shows it. */
export interface ShownRollout {
  readonly id: string;
  readonly state: string;
  readonly reason: unknown;
  readonly wave: number;
  readonly waves: readonly {
    readonly selector: object | null;
    readonly state: string;
    readonly counts: ShownCounts;
    readonly health: { readonly smoke: object; readonly exceeded: readonly string[] } | null;
  }[];
  readonly counts: ShownCounts;
}

interface ShownCounts {
  readonly pending: number;
  readonly running: number;
  readonly done: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * The events of a rollout, as they come: each is the whole rollout. Ends when the server ends the stream, which it does
 * with the rollout's end.
 */
export async function* rolloutEvents(response: Response): AsyncGenerator<ShownRollout> {
  if (response.status !== 200 || response.body === null) {
    throw new Error(`The events were answered ${response.status}: ${await response.text()}`);
  }
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
      text = text.slice(end + 2);
      if (data !== undefined) yield JSON.parse(data) as ShownRollout;
    }
  }
}
