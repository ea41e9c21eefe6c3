const path = (name) => `^libs/${name}/`;
/** A lib (or app) may import only the libs listed for it; `comment` says what to do instead. */
const may = (from, allowed, comment) => ({
  name: `imports-of-${from.replace(/[^a-z]+/g, '-')}`,
  severity: 'error',
  comment,
  from: { path: `^${from}/` },
  to: { path: '^(libs|apps|migrations)/', pathNot: [`^${from}/`, ...allowed] },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Name the third thing that both sides need and move it there.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'only-the-front-door-of-a-lib',
      severity: 'error',
      comment: "Import a lib through its '#name' entry (its index.ts), never a file inside it.",
      from: { path: '^(libs|apps)/([^/]+)/' },
      to: { path: '^libs/([^/]+)/src/', pathNot: ['^libs/[^/]+/src/index\\.ts$', '^libs/$2/'] },
    },
    may('libs/platform', [], 'platform is what every process starts with; it knows nothing of ours.'),
    may('libs/fhir', [], 'fhir is pure: no Nest, no pg, no TypeORM.'),
    may('libs/fhir-search', [path('fhir')], 'fhir-search is pure: it turns text into plans and plans into SQL text.'),
    may('libs/access-policy', [path('fhir'), path('fhir-search')], 'access-policy decides; it runs nothing.'),
    may(
      'libs/fhir-graphql',
      [path('fhir'), path('fhir-search')],
      'fhir-graphql is pure: it asks the store through an interface that its caller implements.',
    ),
    may('libs/files', [path('platform')], 'files stores bytes under keys; it knows nothing of FHIR or of tenants.'),
    may('libs/postgres', [path('platform')], 'postgres knows connections, not our tables.'),
    may(
      'libs/tenant-schema',
      [path('platform'), path('postgres'), '^migrations/tenant/'],
      "tenant-schema changes the schema of one tenant database; who goes when is the worker's.",
    ),
    may('libs/operations', [path('platform')], 'operations holds kinds, states and the wake-up port.'),
    may(
      'libs/control-database',
      [path('platform'), path('postgres'), '^migrations/control/'],
      'Only entities, repositories and their migrations.',
    ),
    may(
      'libs/tenancy',
      [path('platform'), path('postgres'), path('control-database')],
      'tenancy maps a request to a tenant database.',
    ),
    may(
      'libs/fhir-store',
      ['fhir', 'fhir-search', 'access-policy', 'postgres', 'platform'].map(path).concat('^migrations/tenant/'),
      'fhir-store reads and writes one tenant database.',
    ),
    may('migrations/control', [], 'Migrations are frozen history: they import typeorm only.'),
    may('migrations/tenant', [], 'Migrations are frozen history: they import typeorm only.'),
    may(
      'apps/control-plane',
      ['platform', 'postgres', 'control-database', 'operations', 'tenant-schema']
        .map(path)
        .concat('^migrations/(control|tenant)/'),
      'The control plane never opens a tenant database: it reads what migrations say and forecasts their locks.',
    ),
    may(
      'apps/data-plane',
      [
        'platform',
        'postgres',
        'control-database',
        'tenancy',
        'fhir',
        'fhir-search',
        'fhir-graphql',
        'access-policy',
        'fhir-store',
        'files',
      ].map(path),
      'The data plane serves FHIR; lifecycle work belongs to the worker.',
    ),
    may('apps/worker', ['^libs/(?!testing/)', '^migrations/'], 'The worker may use any lib but testing.'),
    may(
      'apps/standalone',
      ['platform', 'postgres'].map(path),
      'The launcher starts processes; it does not know what they do.',
    ),
    may(
      'apps/cli',
      [],
      'The command line is a client of the admin API like any other; it shares nothing with the server.',
    ),
    {
      name: 'testing-is-for-tests',
      severity: 'error',
      comment: 'libs/testing is imported by tests and benches only.',
      from: { path: '^(apps|libs)/', pathNot: ['^libs/testing/', '\\.spec\\.ts$'] },
      to: { path: path('testing') },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      mainFields: ['types', 'module', 'main'],
    },
  },
};
