/** The few pages that the identity routes show to people: plain HTML, no scripts, nothing from elsewhere. */
import { randomBytes } from 'node:crypto';
import type { FastifyReply } from 'fastify';

/** HTML text. Made by `html` alone, which escapes every value, so that no request can put markup into a page. */
export class Html {
  constructor(readonly text: string) {}
}

/** A piece of a page: values are escaped, pieces of pages and lists of them are put in as they are. */
export function html(strings: TemplateStringsArray, ...values: readonly (string | Html | readonly Html[])[]): Html {
  let text = strings[0] ?? '';
  values.forEach((value, position) => {
    const pieces = typeof value === 'string' ? escapeHtml(value) : [value].flat().map((piece) => piece.text);
    text += `${typeof pieces === 'string' ? pieces : pieces.join('')}${strings[position + 1] ?? ''}`;
  });
  return new Html(text);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeHtml = (value: string): string => value.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

export interface Page {
  readonly title: string;
  readonly body: Html;
  /** Where a form of the page may lead to besides the project itself: an origin, or the scheme of an app. */
  readonly formTarget?: string;
  /** The page has pictures, in `data:` addresses. */
  readonly hasPictures?: boolean;
}

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:22rem;margin:12vh auto;padding:0 1rem;color:#1b1f24}
label{display:block;margin:.75rem 0}input:not([type=checkbox]){display:block;width:100%;padding:.5rem;font:inherit;box-sizing:border-box}
button{font:inherit;padding:.5rem 1rem;margin:.25rem 0;width:100%}.problem{color:#a40e26}`;

/**
 * Sends a page. It may load nothing (pictures are in the page itself) and run nothing, cannot be framed, is kept by nobody, and its address is told to nobody
 * (https://www.w3.org/TR/CSP3/): the addresses of these pages hold what must not leak.
 */
export function sendPage(reply: FastifyReply, status: number, { title, body, formTarget, hasPictures }: Page): void {
  const nonce = randomBytes(16).toString('base64');
  const policy = [
    `default-src 'none'`,
    `style-src 'nonce-${nonce}'`,
    ...(hasPictures === true ? ['img-src data:'] : []),
    // Browsers apply this to the redirection that answers a form as well.
    `form-action 'self'${formTarget === undefined ? '' : ` ${formTarget}`}`,
    `frame-ancestors 'none'`,
    `base-uri 'none'`,
  ].join('; ');
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style nonce="${nonce}">
          ${new Html(STYLE)}
        </style>
      </head>
      <body>
        <main>
          <h1>${title}</h1>
          ${body}
        </main>
      </body>
    </html>`;
  void reply
    .code(status)
    .header('content-type', 'text/html; charset=utf-8')
    .header('content-security-policy', policy)
    .header('x-frame-options', 'DENY')
    .header('x-content-type-options', 'nosniff')
    .header('referrer-policy', 'no-referrer')
    .header('cache-control', 'no-store')
    .send(page.text);
}

/** Hidden fields of a form. */
export const hiddenFields = (values: ReadonlyMap<string, string>): Html[] =>
  [...values].map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`);

/** What went wrong, or nothing. */
export const problemText = (problem: string | undefined): Html =>
  problem === undefined ? html`` : html`<p class="problem" role="alert">${problem}</p>`;
