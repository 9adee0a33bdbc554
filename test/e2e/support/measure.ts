// What the timed suites share: percentiles, a crowd of callers, a look into the database with the checker's eyes or the owner's, and a figure in the output.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { TestStack } from './stack.js';

/** The value that this share of the samples does not exceed. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

/** Runs the work with so many callers at once. */
export async function crowd(size: number, work: readonly (() => Promise<void>)[]): Promise<void> {
  const queue = [...work];
  await Promise.all(
    Array.from({ length: size }, async () => {
      for (let next = queue.shift(); next; next = queue.shift()) await next();
    }),
  );
}

/** A measured figure beside its bound, in the suite's output. */
export function figure(bound: string, what: string, value: number | string): void {
  console.log(`${bound}  ${what}: ${typeof value === 'number' ? Math.round(value) : value}`);
}

export async function rows<T extends pg.QueryResultRow>(
  databaseUrl: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<T[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<T>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

/** The database's owner, for damage that no role of ours could do. */
export function ownerUrl(stack: TestStack): string {
  const { postgresPassword } = JSON.parse(readFileSync(join(stack.home, 'secrets.json'), 'utf8')) as {
    postgresPassword: string;
  };
  const url = new URL(stack.file.databaseUrl);
  url.username = 'postgres';
  url.password = postgresPassword;
  return url.href;
}

export function workerPorts(stack: TestStack): readonly number[] {
  const ports = JSON.parse(readFileSync(join(stack.home, 'ports.json'), 'utf8')) as { workers: number[] };
  return ports.workers;
}

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
