// `npm run sim -- --seed N --ops N [--seeds N]`: runs seeds from N on and prints what was injected and what came of it.
import { parseArgs } from 'node:util';
import { CRASH_POINTS, Counters, FAULTS } from './faults.js';
import { simulate } from './run.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    ops: { type: 'string', default: '200' },
  },
});
const first = Number(values.seed);
const total = new Counters();
const ends = new Map<string, number>();
const started = performance.now();
let failures = 0;
for (let seed = first; seed < first + Number(values.seeds); seed += 1) {
  const result = await simulate({ seed, ops: Number(values.ops) });
  total.addAll(result.counters);
  for (const [status, count] of result.ends) ends.set(status, (ends.get(status) ?? 0) + count);
  if (result.violations.length === 0) continue;
  failures += 1;
  console.log(`seed ${seed}: ${result.violations.length} violations`);
  for (const { rule, where, what } of result.violations.slice(0, 20))
    console.log(`  ${rule}  ${where}  ${what}`);
  console.log(`  again with: npm run sim -- --seed ${seed} --ops ${values.ops}`);
}
for (const point of CRASH_POINTS)
  console.log(
    `${point.padEnd(30)} ${FAULTS.map((fault) => `${fault} ${total.counts.get(`${fault}:${point}`) ?? 0}`).join('  ')}`,
  );
const others = [...total.counts].filter(
  ([what]) => !CRASH_POINTS.some((point) => what.endsWith(`:${point}`)),
);
for (const [what, count] of others.sort(([a], [b]) => (a < b ? -1 : 1)))
  console.log(`${what.padEnd(40)} ${count}`);
console.log([...ends].map(([status, count]) => `${status} ${count}`).join('  '));
console.log(
  `${values.seeds} seeds, ${failures} with violations, ${Math.round(performance.now() - started)} ms`,
);
process.exitCode = failures === 0 ? 0 : 1;
