/**
 * Makes the folders of libs/fhir/definitions anew from HL7's own packages, which npm fetches:
 *
 *     node scripts/definitions.mjs [--check] [R4] [R4B] [R5] [terminology]
 *
 * With --check nothing is written; the command fails when a file differs from what it would write. `version.json` of each
 * folder is written by hand and stays as it is.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpackArchive } from './definitions/block-archive.mjs';
import { filesOf } from './definitions/definition-files.mjs';
import { fetchPackages, openPackage, sources } from './definitions/packages.mjs';

const root = fileURLToPath(new URL('../libs/fhir/definitions/', import.meta.url));
const parameters = process.argv.slice(2);
const checkOnly = parameters.includes('--check');
const labels = parameters.filter((parameter) => parameter !== '--check');
const wanted = labels.length > 0 ? labels : Object.keys(sources);
const unknown = wanted.filter((label) => !(label in sources));
if (unknown.length > 0) {
  console.error(`There is no source for ${unknown.join(', ')}; known: ${Object.keys(sources).join(', ')}.`);
  process.exit(2);
}

const packages = mkdtempSync(path.join(tmpdir(), 'fhir-packages-'));
try {
  fetchPackages(packages, wanted);
  for (const label of wanted) {
    const { files, open } = filesOf(label, openPackage(packages, label));
    const folder = path.join(root, label);
    const different = Object.keys(files).filter((name) => !isTheSame(folder, name, files));
    if (!checkOnly) for (const name of different) writeFileSync(path.join(folder, name), files[name]);
    const verdict = different.length > 0 ? `${checkOnly ? 'differ' : 'written'}: ${different.join(', ')}` : 'as before';
    const unlisted = open.length > 0 ? `; required value sets without a list: ${open.join(', ')}` : '';
    console.log(`${label}: ${verdict}${unlisted}`);
    if (checkOnly && different.length > 0) process.exitCode = 1;
  }
} finally {
  rmSync(packages, { recursive: true });
}

/** Compressed files are compared by their content, since releases of Node compress differently. */
function isTheSame(folder, name, files) {
  const committed = path.join(folder, name);
  if (!existsSync(committed)) return false;
  if (!name.endsWith('.br')) return readFileSync(committed, 'utf8') === files[name];
  const stem = name.replace(/(?:-index)?\.br$/, '');
  const [archive, index] = [`${stem}.br`, `${stem}-index.br`];
  if (![archive, index].every((part) => existsSync(path.join(folder, part)))) return false;
  const [before, beforeIndex] = [archive, index].map((part) => readFileSync(path.join(folder, part)));
  return unpackArchive(before, beforeIndex) === unpackArchive(files[archive], files[index]);
}
