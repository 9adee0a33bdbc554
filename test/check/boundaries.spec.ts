// The fence itself is tested: each violation planted here must be reported, or the import table protects nothing.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
let tree: string;

const PLANTED: readonly (readonly [file: string, source: string, rule: string | null])[] = [
  [
    'libs/domain/src/planted-lib.ts',
    "import type { Ports } from '#engine'; export type P = Ports;",
    'libs-domain-imports-only-its-libraries',
  ],
  [
    'libs/domain/src/planted-npm.ts',
    "import { keccak256 } from 'viem'; export const k = keccak256;",
    'libs-domain-imports-only-its-packages',
  ],
  [
    'libs/engine/src/planted-node.ts',
    "import { readFileSync } from 'node:fs'; export const r = readFileSync;",
    'libs-engine-imports-no-node',
  ],
  [
    'libs/engine/src/planted-deep.ts',
    "import { judge } from '../../domain/src/policy.js'; export const j = judge;",
    'libs-engine-imports-only-its-libraries',
  ],
  [
    'libs/runtime/src/planted-nest.ts',
    "import { Module } from '@nestjs/common'; export const m = Module;",
    'nest-only-in-api-and-worker',
  ],
  [
    'apps/signer/src/planted-app.ts',
    "import { x } from '../../worker/src/planted.js'; export const y = x;",
    'apps-signer-imports-only-its-libraries',
  ],
  ['apps/worker/src/planted.ts', "import { y } from './planted-cycle.js'; export const x: number = y;", null],
  [
    'apps/worker/src/planted-cycle.ts',
    "import { x } from './planted.js'; export const y: number = x;",
    'no-cycles',
  ],
];

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'purser-fence-'));
  for (const entry of ['libs', 'apps', 'package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) {
    cpSync(join(root, entry), join(tree, entry), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
  for (const [file, source] of PLANTED) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    writeFileSync(join(tree, file), `${source}\n`);
  }
});

afterAll(() => rmSync(tree, { recursive: true, force: true }));

describe('import boundaries', () => {
  it('reports every planted violation by its rule', () => {
    const violations = cruise(tree);
    // A cycle is reported at one of its files.
    for (const [file, , rule] of PLANTED.filter((it) => it[2] !== null)) {
      expect(violations, `${rule} in ${file}`).toContainEqual({ file, rule });
    }
    // It starts a process that reads a tree, on a machine that may be busy.
  }, 60_000);
});

function cruise(cwd: string): { file: string; rule: string }[] {
  const bin = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const args = [bin, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'libs', 'apps'];
  const text = execFileSync(process.execPath, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 28 });
  const { summary } = JSON.parse(text) as {
    summary: { violations: { from: string; rule: { name: string } }[] };
  };
  return summary.violations.map(({ from, rule }) => ({ file: from, rule: rule.name }));
}
