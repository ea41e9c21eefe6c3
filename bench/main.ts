import { benchFhir } from './fhir.bench.js';
import { benchGrowth } from './growth.bench.js';
import { benchImport } from './import.bench.js';
import { benchPolicy } from './policy.bench.js';
import { benchProvision } from './provision.bench.js';
import { benchRollout } from './rollout.bench.js';
import { benchTenants } from './tenants.bench.js';

const benches: Record<string, () => Promise<void>> = {
  provision: benchProvision,
  read: () => benchFhir('read', ['read by id']),
  create: () => benchFhir('create', ['create']),
  import: benchImport,
  fhir: () => benchFhir(),
  growth: benchGrowth,
  policy: benchPolicy,
  tenants: benchTenants,
  rollout: benchRollout,
};

const name = process.argv[2] ?? '';
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
if (bench === undefined) {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join('|')}`);
  process.exitCode = 2;
} else {
  await bench();
}
