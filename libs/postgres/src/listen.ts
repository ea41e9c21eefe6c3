import { Session } from './session.js';
import { compiledSql, identifier, sql } from './sql.js';

const firstPauseMs = 100;
const longestPauseMs = 5_000;
const pingEveryMs = 10_000;
const pingTimeoutMs = 5_000;

/** A subscription to notifications; `close` is idempotent. */
export interface Listener {
  close(): Promise<void>;
}

/**
 * Listens on channels of one database for as long as the process wants, over a connection of its own. The first
 * connection must succeed, else the promise rejects. When it is lost later (a ping every 10 s finds silent losses too),
 * it is opened again with growing pauses, and `onReconnect` is told why after the channels are listened to again: what
 * was notified in between is gone, so callers drop what they have cached.
 */
export async function listen(
  url: string,
  channels: readonly string[],
  on: (channel: string, payload: string) => void,
  onReconnect: (cause: Error) => void,
): Promise<Listener> {
  const subscription = new Subscription(url, channels, on, onReconnect);
  await subscription.open();
  return subscription;
}

class Subscription implements Listener {
  private session: Session | undefined;
  private closed = false;
  private timer: NodeJS.Timeout | undefined;
  private pauseMs = firstPauseMs;

  constructor(
    private readonly url: string,
    private readonly channels: readonly string[],
    private readonly on: (channel: string, payload: string) => void,
    private readonly onReconnect: (cause: Error) => void,
  ) {}

  async open(): Promise<void> {
    const session = await Session.open(this.url);
    try {
      session.client.on('notification', (message) => this.on(message.channel, message.payload ?? ''));
      for (const channel of this.channels) await session.command(sql`LISTEN ${identifier(channel)}`);
    } catch (error) {
      await session.close();
      throw error;
    }
    if (this.closed) return session.close();
    if (session.broken) throw new Error('The connection was lost while it was being opened.');
    this.session = session;
    session.onLost = (cause) => this.lose(cause);
    this.pingLater(session);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.session?.close();
    this.session = undefined;
  }

  private pingLater(session: Session): void {
    this.timer = setTimeout(() => {
      const late = setTimeout(
        () => this.giveUp(session, new Error(`No answer within ${pingTimeoutMs} ms.`)),
        pingTimeoutMs,
      );
      session.command(ping).then(
        () => {
          clearTimeout(late);
          if (this.session === session && !this.closed) this.pingLater(session);
        },
        (error: Error) => {
          clearTimeout(late);
          this.giveUp(session, error);
        },
      );
    }, pingEveryMs);
  }

  private giveUp(session: Session, cause: Error): void {
    if (this.session !== session) return;
    void session.close();
    this.lose(cause);
  }

  private lose(cause: Error): void {
    clearTimeout(this.timer);
    this.session = undefined;
    if (!this.closed) this.reopenLater(cause);
  }

  private reopenLater(cause: Error): void {
    this.timer = setTimeout(
      () => {
        this.open().then(
          () => {
            this.pauseMs = firstPauseMs;
            if (!this.closed) this.onReconnect(cause);
          },
          (error: Error) => {
            this.pauseMs = Math.min(2 * this.pauseMs, longestPauseMs);
            if (!this.closed) this.reopenLater(error);
          },
        );
      },
      this.pauseMs * (0.5 + Math.random()),
    );
  }
}

const ping = compiledSql({ text: 'SELECT 1', values: [] });
