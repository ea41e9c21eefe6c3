/** The browser of the tests: a Chromium of the system, since what they test is not worth a download of its own. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const executablePath = process.env['CHROMIUM'] ?? onPath('chromium', 'chromium-browser', 'google-chrome');

/** Starts the Chromium that `CHROMIUM` names, or else the first one on the PATH; it keeps nothing. */
export function startChromium(): Promise<Browser> {
  if (executablePath === undefined) throw new Error('no Chromium is installed');
  return chromium.launch({ executablePath, args: ARGUMENTS });
}

/** A `describe` whose tests need a Chromium; without one on this machine it is reported as skipped, with the reason. */
export function describeWithChromium(name: string, tests: () => void): void {
  if (executablePath !== undefined) describe(name, tests);
  else describe(name, () => test.skip('skipped: no chromium', () => undefined));
}

function onPath(...names: string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  return names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find((file) => existsSync(file));
}
