// Who may import whom. The table is the rule book; the rules below are generated from it (docs: ARCHITECTURE.md).
// `internal`: libraries it may import, always through their index. `npm`: packages; `node`: Node built-ins ('all', 'none' or a list).
const TABLE = {
  'libs/domain': { internal: [], npm: [], node: 'none' },
  'libs/x402': { internal: ['domain'], npm: ['@x402/core'], node: 'none' },
  'libs/sdk': { internal: [], npm: [], node: 'none' },
  'libs/engine': { internal: ['domain', 'x402'], npm: [], node: 'none' },
  'libs/postgres': { internal: ['domain', 'engine'], npm: ['kysely', 'pg'], node: 'all' },
  'libs/redis': {
    internal: ['domain', 'engine'],
    npm: ['bullmq', 'ioredis', 'rate-limiter-flexible'],
    node: 'all',
  },
  'libs/evm': {
    internal: ['domain', 'engine'],
    npm: ['viem', 'secp256k1', 'hash-wasm', 'undici'],
    node: 'all',
  },
  'libs/http': { internal: ['domain', 'engine', 'x402'], npm: ['undici', 'ipaddr.js'], node: 'all' },
  'libs/oauth': { internal: ['domain', 'engine'], npm: ['jose'], node: 'none' },
  'libs/runtime': {
    internal: ['domain', 'engine', 'x402', 'postgres', 'redis', 'evm', 'http', 'oauth'],
    npm: [
      'class-validator',
      'class-transformer',
      'reflect-metadata',
      'pino',
      'prom-client',
      '@opentelemetry',
    ],
    node: 'all',
  },
  'apps/api': {
    internal: ['domain', 'engine', 'x402', 'runtime'],
    npm: [
      '@nestjs',
      '@fastify',
      'fastify',
      'class-validator',
      'class-transformer',
      'reflect-metadata',
      'rxjs',
    ],
    node: 'all',
  },
  'apps/worker': {
    internal: ['domain', 'engine', 'runtime', 'redis'],
    npm: ['@nestjs', 'bullmq', 'reflect-metadata', 'rxjs', 'prom-client'],
    node: 'all',
  },
  'apps/signer': {
    internal: ['domain', 'engine', 'evm', 'postgres', 'runtime'],
    npm: ['pg', 'kysely'],
    node: 'all',
  },
  'apps/local': { internal: ['domain', 'engine', 'evm', 'postgres', 'runtime'], npm: 'all', node: 'all' },
};

const NEST_ONLY_IN = '^apps/(api|worker)/';
const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function rulesFor(folder, { internal, npm, node }) {
  const from = { path: `^${folder}/`, pathNot: '(\\.spec\\.ts|\\.mjs)$' };
  const name = folder.replace('/', '-');
  const own = escape(folder);
  const allowed = internal.map((lib) => `libs/${lib}/src/index\\.ts$`).join('|');
  const rules = [
    {
      name: `${name}-imports-only-its-libraries`,
      comment: `${folder} may import ${internal.length > 0 ? internal.join(', ') : 'nothing of ours'}, through the index`,
      severity: 'error',
      from,
      to: { path: '^(libs|apps|test)/', pathNot: `^${own}/${allowed ? `|^(${allowed})` : ''}` },
    },
  ];
  if (npm !== 'all') {
    const packages = npm.map((it) => `node_modules/(@types/)?${escape(it)}(/|$)`).join('|');
    rules.push({
      name: `${name}-imports-only-its-packages`,
      comment: `${folder} may import ${npm.length > 0 ? npm.join(', ') : 'no packages'}`,
      severity: 'error',
      from,
      to: { path: 'node_modules/', ...(packages ? { pathNot: packages } : {}) },
    });
  }
  if (node === 'none') {
    rules.push({
      name: `${name}-imports-no-node`,
      comment: `${folder} runs anywhere: no Node built-ins`,
      severity: 'error',
      from,
      to: { dependencyTypes: ['core'] },
    });
  }
  return rules;
}

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries(TABLE).flatMap(([folder, row]) => rulesFor(folder, row)),
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'nest-only-in-api-and-worker',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: NEST_ONLY_IN },
      to: { path: 'node_modules/@nestjs/' },
    },
    {
      name: 'nothing-unresolved',
      severity: 'error',
      from: { path: '^(apps|libs)/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['source', 'import', 'node', 'default', 'types'],
      exportsFields: ['exports'],
    },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
  },
};
