import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/**
 * One connection on which GET requests follow each other with as little work for the client as can be, for floods that are
 * to keep the server busy and not the test. Answers must tell their Content-Length.
 */
export class LeanConnection {
  private received = '';
  private waiting: { resolve(status: number): void; reject(error: Error): void } | undefined;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1').on('data', (text: string) => this.receive(text));
    socket.on('error', (error) => this.waiting?.reject(error));
    socket.on('close', () => this.waiting?.reject(new Error('The server closed the connection.')));
  }

  static async open(base: string): Promise<LeanConnection> {
    const { hostname, port } = new URL(base);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new LeanConnection(socket);
  }

  /** The status of the answer; the next request may follow when it is there. */
  get(host: string, path: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    });
  }

  close(): void {
    this.waiting = undefined;
    this.socket.destroy();
  }

  private receive(text: string): void {
    this.received += text;
    const headEnd = this.received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const length = /\r\ncontent-length: (\d+)/i.exec(this.received)?.[1];
    if (length === undefined) return this.waiting?.reject(new Error(`No length: ${this.received.slice(0, headEnd)}`));
    if (this.received.length < headEnd + 4 + Number(length)) return;
    const status = Number(this.received.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
    this.received = '';
    this.waiting?.resolve(status);
  }
}
