// `npm run bench [-- --only NAME] [--json FILE]`: the figures of docs/performance.md, each against its baseline in the same invocation.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { acceptBench } from './accept.js';
import { runBench, type Bench, type BenchResult, type Floor } from './bench.js';
import { checkKeyBench, checkSignatureBench } from './credentials.js';
import { memoryBench } from './memory.js';
import { purchaseIdleBench } from './purchase-idle.js';
import { reserveHotBench } from './reserve-hot.js';
import { sagaBench } from './saga.js';
import {
  settleAutomineBench,
  settleBlocksBench,
  settleGasBench,
  settleIdleBench,
  verifyBench,
} from './settle.js';
import { signBench } from './sign.js';
import { watchCostBench } from './watch-cost.js';

const BENCHES: readonly Bench[] = [
  signBench,
  reserveHotBench,
  acceptBench,
  checkKeyBench,
  checkSignatureBench,
  sagaBench,
  purchaseIdleBench,
  memoryBench,
  settleAutomineBench,
  settleBlocksBench,
  settleGasBench,
  settleIdleBench,
  verifyBench,
  watchCostBench,
];

const { values } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'string' } } });
const chosen = BENCHES.filter((bench) => values.only === undefined || bench.name === values.only);
if (chosen.length === 0) {
  console.error(`no benchmark "${values.only}"; known: ${BENCHES.map((bench) => bench.name).join(', ')}`);
  process.exit(2);
}

const results: BenchResult[] = [];
console.log(row('name', 'ours', 'baseline', 'ratio', '95 % interval', 'floor', ''));
for (const bench of chosen) {
  const result = await runBench(bench);
  results.push(result);
  const interval = result.spread.map((it) => it.toFixed(2)).join(' .. ');
  const { name, ours, baseline, unit, ratio, floor, pass } = result;
  console.log(
    row(
      name,
      figure(ours),
      `${figure(baseline)} ${unit}`,
      ratio.toFixed(2),
      interval,
      floorText(floor),
      pass ? 'pass' : 'FAIL',
    ),
  );
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
process.exit(results.every((result) => result.pass) ? 0 : 1);

function row(...cells: readonly string[]): string {
  const widths = [28, 12, 22, 8, 18, 10, 4];
  return cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' ');
}

function figure(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(2);
}

function floorText(floor: Floor): string {
  return 'at_least' in floor ? `>= ${floor.at_least}x` : `<= ${floor.at_most}x`;
}
