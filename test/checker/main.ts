// The independent checker: `npm run check:books -- --stack .purser/stack.json [--history FILE] [--json]`.
// It trusts nothing that Purser computed: it reads events, reservations and budget limits as rows, the chain as logs, and the callers' own
// record of what they asked and were told, and evaluates the invariants of its own accord. It imports no code of libs/engine or libs/domain.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readBooks, type StackFile } from './read.js';
import { checkBooks } from './rules.js';
import { checkHistory, readHistory } from './history.js';
import type { Violation } from './model.js';

export interface BooksReport {
  readonly ok: boolean;
  readonly operations: number;
  readonly events: number;
  readonly charges: number;
  readonly violations: readonly Violation[];
}

/** Reads everything once and evaluates every rule. Throws when a source cannot be read: not knowing is not "clean". */
export async function runChecker(stack: StackFile, historyFile?: string): Promise<BooksReport> {
  const books = await readBooks(stack);
  const violations = checkBooks(books);
  if (historyFile !== undefined) violations.push(...checkHistory(books, readHistory(historyFile)));
  return {
    ok: violations.length === 0,
    operations: books.operations.size,
    events: books.eventCount,
    charges: books.uses.filter((use) => use.kind === 'used' && books.wallets.has(use.from)).length,
    violations,
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      stack: { type: 'string', default: '.purser/stack.json' },
      history: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const stack = JSON.parse(readFileSync(values.stack, 'utf8')) as StackFile;
  const report = await runChecker(stack, values.history);
  if (values.json) console.log(JSON.stringify(report, null, 2));
  else {
    for (const { rule, where, what } of report.violations) console.log(`${rule}  ${where}  ${what}`);
    const verdict = report.ok ? 'the books are clean' : `${report.violations.length} violations`;
    console.log(
      `${report.operations} operations, ${report.events} events, ${report.charges} charges on chain: ${verdict}`,
    );
  }
  process.exitCode = report.ok ? 0 : 1;
}

if (process.argv[1]?.endsWith('checker/main.js')) {
  // 2: not known, because a source could not be read; 1: known, and not clean.
  await main().catch((error: unknown) => {
    console.error(`the books could not be read: ${error instanceof Error ? error.message : 'unknown fault'}`);
    process.exitCode = 2;
  });
}
