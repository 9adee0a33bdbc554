// The whole test run, as `npm test` calls it: checks first, then every tier of vitest; ends with one line "N passed, N failed".
// `node test/run.mjs check` runs only the checks; `node test/run.mjs unit integration` only those tiers.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const node = (script, ...args) => [process.execPath, [`node_modules/${script}`, ...args]];
const CHECKS = {
  format: node('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'),
  lint: node('oxlint/bin/oxlint', '--type-aware', '--quiet', 'apps', 'libs', 'test'),
  types: node('typescript-native/bin/tsc', '--noEmit', '-p', 'tsconfig.json'),
  boundaries: node(
    'dependency-cruiser/bin/dependency-cruise.mjs',
    '--config',
    '.dependency-cruiser.cjs',
    'libs',
    'apps',
  ),
};
/** One after the other; the projects of a tier at once. */
const TIERS = {
  unit: ['unit'],
  conformance: ['conformance'],
  simulation: ['simulation'],
  integration: ['integration'],
  e2e: ['e2e', 'e2e-waiting'],
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => name !== 'check' && !(name in TIERS));
if (unknown.length > 0) {
  console.error(`unknown tier ${unknown.join(', ')}; known: check, ${Object.keys(TIERS).join(', ')}`);
  process.exit(2);
}
const wanted = (name) => asked.length === 0 || asked.includes(name);
const reports = mkdtempSync(join(tmpdir(), 'purser-test-'));
let passed = 0;
let failed = 0;

if (wanted('check')) {
  for (const [name, [command, args]] of Object.entries(CHECKS)) {
    const ok = spawnSync(command, args, { stdio: 'inherit' }).status === 0;
    console.log(`${ok ? 'ok  ' : 'FAIL'} check: ${name}`);
    if (ok) passed += 1;
    else failed += 1;
  }
}

for (const [tier, projects] of Object.entries(TIERS)) if (wanted(tier)) await Promise.all(projects.map(run));

rmSync(reports, { recursive: true, force: true });
if (passed === 0) failed += 1;
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

async function run(project) {
  const file = join(reports, `${project}.json`);
  const started = Date.now();
  const args = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ];
  const vitest = spawn(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, NODE_ENV: 'test' },
  });
  const [status] = await once(vitest, 'exit');
  const report = readReport(file);
  passed += report.numPassedTests;
  // A tier that broke outside its tests (a hook, an unhandled rejection, no report at all) is a failure too.
  const broken = report.numFailedTests === 0 && status !== 0 ? 1 : 0;
  failed += report.numFailedTests + broken;
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(
    `${project}: ${report.numPassedTests} passed, ${report.numFailedTests + broken} failed, ${seconds} s`,
  );
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0 };
  }
}
