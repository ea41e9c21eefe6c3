/** HL7's packages: which ones each version's definitions are made from, how to get them, and how to read them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * By folder. The package of R4's examples holds the definitions too, and is the one that npm serves. `terminology` is no
 * version: its value sets and code systems are published by themselves, and later versions of FHIR refer to them.
 */
export const sources = {
  R4: { name: 'hl7.fhir.r4.examples', version: '4.0.1' },
  R4B: { name: 'hl7.fhir.r4b.core', version: '4.3.0' },
  R5: { name: 'hl7.fhir.r5.core', version: '5.0.0' },
  terminology: { name: 'hl7.terminology.r5', version: '7.0.1' },
};

/**
 * Unpacks the packages of the folders with these labels below `folder`. They are not installed: some depend on packages
 * that npm does not serve, and none of those is needed.
 */
export function fetchPackages(folder, labels) {
  for (const label of labels) {
    const { name, version } = sources[label];
    const place = path.join(folder, name);
    mkdirSync(place);
    run('npm', ['pack', `${name}@${version}`, '--silent', '--pack-destination', folder]);
    run('tar', ['-xzf', path.join(folder, `${name}-${version}.tgz`), '-C', place, '--strip-components', '1']);
  }
}

function run(command, parameters) {
  const { status, error } = spawnSync(command, parameters, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`This failed: ${command} ${parameters.join(' ')}`, { cause: error });
}

/**
 * The package of the folder labelled `label`, unpacked below `folder`, as a function from a resource type to all
 * resources of that type, in the order of their files' names.
 */
export function openPackage(folder, label) {
  const place = path.join(folder, sources[label].name);
  const files = readdirSync(place)
    .filter((file) => file.endsWith('.json'))
    .sort();
  return (resourceType) =>
    files
      .filter((file) => file.startsWith(`${resourceType}-`))
      .map((file) => JSON.parse(readFileSync(path.join(place, file), 'utf8')))
      .filter((resource) => resource.resourceType === resourceType);
}
