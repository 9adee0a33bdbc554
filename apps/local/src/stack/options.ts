import { parseArgs } from 'node:util';

/** What the command line may ask of the stack. */
export interface StackOptions {
  readonly apis: number;
  readonly workers: number;
  /** Seconds between blocks, or a block per transaction. */
  readonly mining: number | 'automine';
  /** Gas of a block; the node's own if not given. */
  readonly blockGas?: number;
  /** Forget everything kept from earlier runs. */
  readonly reset: boolean;
  /** Demo only: end after the story. */
  readonly once: boolean;
}

export const USAGE = `usage: npm run stack -- [options]      the embedded stack, for building against
       npm run demo  -- [options]      the same, after a short story

  --apis N             API processes (1)
  --workers N          worker processes (1)
  --block-time S       seconds between blocks, 0 for a block per transaction (1)
  --reset              forget what earlier runs kept
  --once               demo only: end after the story`;

/** Reads the command line; throws with a sentence for the caller on anything unknown or out of range. */
export function parseOptions(args: readonly string[]): StackOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      apis: { type: 'string', default: '1' },
      workers: { type: 'string', default: '1' },
      'block-time': { type: 'string', default: '1' },
      reset: { type: 'boolean', default: false },
      once: { type: 'boolean', default: false },
    },
  });
  const blockTime = count('--block-time', values['block-time'], 0, 3_600);
  return {
    apis: count('--apis', values.apis, 1, 16),
    workers: count('--workers', values.workers, 1, 16),
    mining: blockTime === 0 ? 'automine' : blockTime,
    reset: values.reset,
    once: values.once,
  };
}

function count(flag: string, text: string, least: number, most: number): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new Error(`${flag} wants a whole number from ${least} to ${most}, not "${text}"`);
}
