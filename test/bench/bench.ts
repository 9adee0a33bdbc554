// What a benchmark is, and how its runs become a verdict. Ours and the baseline run interleaved in one invocation, because
// absolute times on a shared machine are noise; only the ratio is judged.

/** `at_least`: ours / baseline must reach the floor (throughput). `at_most`: it must not exceed it (time, memory). */
export type Floor = { readonly at_least: number } | { readonly at_most: number };

export interface Bench {
  readonly name: string;
  readonly unit: string;
  readonly floor: Floor;
  /** Interleaved pairs to run; at least 5. */
  readonly runs?: number;
  /** False where a pair starts from nothing anyway and takes long. */
  readonly warmUp?: boolean;
  /** Starts what both sides need; the returned function runs one pair, `close` ends everything. */
  readonly setUp: () => Promise<{ readonly pair: () => Promise<Pair>; readonly close: () => Promise<void> }>;
}

export interface Pair {
  readonly ours: number;
  readonly baseline: number;
}

export interface BenchResult {
  readonly name: string;
  readonly ours: number;
  readonly baseline: number;
  readonly ratio: number;
  readonly unit: string;
  readonly runs: number;
  /** The 95 % interval of the median ratio, from its order statistics. */
  readonly spread: readonly [number, number];
  readonly floor: Floor;
  readonly pass: boolean;
}

const MIN_RUNS = 5;

export async function runBench(bench: Bench): Promise<BenchResult> {
  const { pair, close } = await bench.setUp();
  const pairs: Pair[] = [];
  try {
    if (bench.warmUp !== false) await pair(); // Warm both sides: compiled code, filled pools, cached plans.
    for (let run = 0; run < Math.max(MIN_RUNS, bench.runs ?? MIN_RUNS); run += 1) pairs.push(await pair());
  } finally {
    await close();
  }
  const ratios = pairs.map(({ ours, baseline }) => ours / baseline).toSorted((a, b) => a - b);
  const ratio = median(ratios);
  const spread = medianInterval(ratios);
  return {
    name: bench.name,
    ours: median(pairs.map((it) => it.ours)),
    baseline: median(pairs.map((it) => it.baseline)),
    ratio,
    unit: bench.unit,
    runs: pairs.length,
    spread,
    floor: bench.floor,
    // The floor lies within or beyond the interval on the good side.
    pass: 'at_least' in bench.floor ? spread[1] >= bench.floor.at_least : spread[0] <= bench.floor.at_most,
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/**
 * Distribution-free interval of the median: the widest pair of order statistics that leaves at most 2.5 % on each side.
 * With five runs that is minimum and maximum (94 %).
 */
export function medianInterval(sorted: readonly number[]): readonly [number, number] {
  const n = sorted.length;
  let cut = 0;
  let tail = 0.5 ** n;
  let term = tail;
  while (tail <= 0.025 && cut < Math.floor((n - 1) / 2)) {
    cut += 1;
    term = (term * (n - cut + 1)) / cut;
    tail += term;
  }
  const index = Math.max(0, cut - 1);
  return [sorted[index] ?? Number.NaN, sorted[n - 1 - index] ?? Number.NaN];
}
