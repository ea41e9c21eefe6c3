import { UsageError } from '../api/problem-error.js';

/**
 * The address of a control plane in its one form, without the path of its API and a slash at its end, so that it can
 * name a stored login. Throws a UsageError when the text is no address of one.
 */
export function controlUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new UsageError('The URL of a control plane must look like https://control.example.org.');
  }
  if (url.username !== '' || url.password !== '') {
    throw new UsageError('The URL of a control plane must hold no password; use `boxyard login`.');
  }
  return url.href.replace(/\/+$/, '').replace(/\/control\/v1$/, '');
}

/** Whether others on the way can read what is sent there. */
export function isReadableOnTheWay(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  const isLocal = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  return protocol === 'http:' && !isLocal;
}
