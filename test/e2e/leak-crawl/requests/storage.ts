/** Files of the other side by addresses that are signed, or are to be. */
import type { Probe } from '../probe.js';

/** `signature`: one that is good for a file of the crawler; `versions`: the numbers that the other side's file has. */
export function storageLinks(signature: string, versions: readonly string[]): Probe[] {
  const download = (path: string, ...expect: number[]): Probe => ({
    family: 'storage',
    path: `storage/Binary/${path}`,
    as: 'nobody',
    expect: [401, ...expect],
  });
  const shown = (url: string): Probe => ({
    family: 'attachment',
    path: 'fhir/R4/Patient',
    method: 'POST',
    body: JSON.stringify({ resourceType: 'Patient', photo: [{ contentType: 'text/plain', url }] }),
  });
  const [version = '', expires = '', agent = '', mac = ''] = signature.split('.');
  const altered = [version, expires, agent, mac.startsWith('A') ? `B${mac.slice(1)}` : `A${mac.slice(1)}`].join('.');
  const later = [version, String(Number(expires) + 86_400), agent, mac].join('.');
  return [
    { family: 'storage', path: `storage/Binary/ours-file?signature=${signature}`, as: 'nobody', expect: [200] },
    download('far-file'),
    download('far-file?signature='),
    download(`far-file?signature=${signature}`),
    ...versions.map((number) => download(`far-file?signature=${[number, expires, agent, mac].join('.')}`)),
    download(`ours-file?signature=${altered}`),
    download(`ours-file?signature=${later}`),
    download(`far-file/_history/1?signature=${signature}`, 404),
    download(`ours-file/../far-file?signature=${signature}`, 404),
    download(`ours-file%2F..%2Ffar-file?signature=${signature}`, 404),
    // Named by a resource of the crawler, it gets no signed address.
    shown('Binary/far-file'),
    shown('Binary/far-file/_history/1'),
    shown('fhir/R4/Binary/far-file'),
    shown(`storage/Binary/far-file?signature=${signature}`),
  ];
}
