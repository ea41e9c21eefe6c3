import { Injectable, type OnApplicationShutdown } from '@nestjs/common';

/**
 * What has to be closed when the app is, however that comes about. Nest calls it after the HTTP server has answered the
 * requests in flight; the last thing opened is closed first.
 */
@Injectable()
export class Shutdown implements OnApplicationShutdown {
  private readonly closers: (() => unknown)[] = [];

  add(close: () => unknown): void {
    this.closers.push(close);
  }

  async onApplicationShutdown(): Promise<void> {
    for (const close of this.closers.splice(0).reverse()) await close();
  }
}
