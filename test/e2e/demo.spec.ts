// The first thing a stranger runs, in a folder of its own: `npm run demo -- --once`.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { postgresDataDir } from '../../apps/local/src/services/index.js';
import { ROOT } from './support/stack.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'purser-demo-'));
});
afterEach(() => {
  rmSync(postgresDataDir(`${home}-postgres`), { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
});

interface Told {
  readonly status: string;
  readonly settled: boolean;
  readonly transaction: string | null;
}

async function tell(): Promise<{ lines: readonly string[]; outcome: Record<string, unknown> }> {
  const program = join(ROOT, 'dist/apps/local/src/main.js');
  const { stdout } = await promisify(execFile)(process.execPath, [program, 'demo', '--once'], {
    cwd: ROOT,
    env: { ...process.env, PURSER_HOME: home },
  });
  const lines = stdout.trimEnd().split('\n');
  return { lines, outcome: JSON.parse(lines.at(-1) ?? '') as Record<string, unknown> };
}

describe('the demo', () => {
  it('buys, repeats, asks for approval, pays a seller of our facilitator both ways, and is refused: four charges by the chain, told as one line of JSON', async () => {
    const { lines, outcome } = await tell();
    expect(outcome).toMatchObject({ ok: true, charges: 4 });
    const [bought, approved, usual, prepaid, refused] = outcome['operations'] as readonly Told[];
    for (const paid of [bought, approved, usual, prepaid]) {
      expect(['submitted', 'executed']).toContain(paid?.status);
      expect(paid).toMatchObject({ settled: true, transaction: expect.stringMatching(/^0x[0-9a-f]{64}$/) });
    }
    expect(refused).toMatchObject({ status: 'policy_rejected', settled: false, transaction: null });
    expect(outcome['operations']).toHaveLength(5);
    expect(outcome['balances']).toMatchObject([{ asset_symbol: 'USDC', amount: '999.720000' }]);
    expect(lines.filter((line) => line.includes('!!'))).toEqual([]);
  });

  it('can be told again on what the first telling left, and leaves no process file behind', async () => {
    await tell();
    const { outcome } = await tell();
    expect(outcome).toMatchObject({ ok: true, charges: 4 });
    expect(readdirSync(home)).not.toContain('stack.json');
    expect(readdirSync(home)).not.toContain('stack.lock');
  });
});
