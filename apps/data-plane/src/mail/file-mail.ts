import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from '#platform';
import { Mail, type MailMessage } from './mail.js';

/**
 * Puts each message into a file of its own, `<directory>/<project id>/<id>.json`, which only the owner of the process can
 * read: a platform without a mail server still gives operators the links that people wait for. The ids sort by time.
 */
export class FileMail extends Mail {
  private readonly writing = new Set<Promise<void>>();

  constructor(private readonly directory: string) {
    super();
  }

  send(projectId: string, message: MailMessage): Promise<void> {
    const written = this.write(projectId, message);
    const settled = written.then(
      () => undefined,
      () => undefined,
    );
    this.writing.add(settled);
    void settled.then(() => this.writing.delete(settled));
    return written;
  }

  async close(): Promise<void> {
    await Promise.all(this.writing);
  }

  private async write(projectId: string, message: MailMessage): Promise<void> {
    // The id comes from the directory of tenants, not from a request; a path is still never made of anything else.
    if (!/^[0-9a-f-]{36}$/.test(projectId)) throw new Error('Mail is kept by project id, and this is none.');
    const directory = join(this.directory, projectId);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const text = JSON.stringify({ ...message, sentAt: new Date().toISOString() }, undefined, 2);
    await writeFile(join(directory, `${uuidv7()}.json`), `${text}\n`, { mode: 0o600, flag: 'wx' });
  }
}
