/** HL7's packages: which ones each version's definitions are made from, how to get them, and how to read them. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** By version label. The package of R4's examples holds the definitions too, and is the one that npm serves. */
export const sources = {
  R4: { name: 'hl7.fhir.r4.examples', version: '4.0.1' },
  R4B: { name: 'hl7.fhir.r4b.core', version: '4.3.0' },
  R5: { name: 'hl7.fhir.r5.core', version: '5.0.0' },
};

/** Installs the packages of the versions with these labels below `folder`, without running anything that is in them. */
export function installPackages(folder, labels) {
  const wanted = labels.map((label) => `${sources[label].name}@${sources[label].version}`);
  const options = ['--ignore-scripts', '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--prefix', folder];
  const { status, error } = spawnSync('npm', ['install', ...options, ...wanted], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`npm could not install ${wanted.join(' ')}`, { cause: error });
}

/**
 * The package of the version labelled `label`, installed below `folder`, as a function from a resource type to all
 * resources of that type, in the order of their files' names.
 */
export function openPackage(folder, label) {
  const place = path.join(folder, 'node_modules', sources[label].name);
  const files = readdirSync(place)
    .filter((file) => file.endsWith('.json'))
    .sort();
  return (resourceType) =>
    files
      .filter((file) => file.startsWith(`${resourceType}-`))
      .map((file) => JSON.parse(readFileSync(path.join(place, file), 'utf8')))
      .filter((resource) => resource.resourceType === resourceType);
}
