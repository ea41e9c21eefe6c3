import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

/** How long a client that is still sending is listened to, so that it gets to read our answer. */
const lingerMs = 2_000;

const answered = new WeakSet<Socket>();

const statusByCode: Record<string, number> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/**
 * Answers bytes that are no HTTP request (400), a header over the limit (431) or a request that does not arrive (408),
 * and closes the connection. What the client still sends is read and thrown away for a moment: closing at once would
 * make the kernel reset the connection, and the client would lose the answer.
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  // Node reports every further piece of what is being thrown away as an error of its own.
  if (answered.has(socket)) return;
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  answered.add(socket);
  const status = statusByCode[error.code ?? ''] ?? 400;
  const body = JSON.stringify({ title: STATUS_CODES[status], status });
  socket.removeAllListeners('data');
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once('close', () => clearTimeout(timer));
}
