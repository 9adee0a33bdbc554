// What Multicall3's aggregate3 answers, read without a general decoder: every settlement is simulated through it at least once.
import { RpcError } from './json-rpc.js';

/** Hex digits of an ABI word. */
const DIGITS = 64;
const TRUE = '1'.padStart(DIGITS, '0');
const FALSE = '0'.repeat(DIGITS);

/** Which of the calls succeeded, in the order of the calls. @throws RpcError `bad_response` for anything but an answer to so many. */
export function successesIn(answer: string, count: number): readonly boolean[] {
  const wordAt = (byte: number): string => answer.slice(2 + byte * 2, 2 + byte * 2 + DIGITS);
  const array = offsetIn(wordAt(0));
  if (offsetIn(wordAt(array)) !== count) throw new RpcError('bad_response', 'eth_call');
  const first = array + 32;
  return Array.from({ length: count }, (_, index) => {
    const success = wordAt(first + offsetIn(wordAt(first + index * 32)));
    if (success !== TRUE && success !== FALSE) throw new RpcError('bad_response', 'eth_call');
    return success === TRUE;
  });
}

/** Offsets and lengths of an answer that fits into memory. */
function offsetIn(word: string): number {
  if (word.length !== DIGITS || !/^0{56}[0-9a-f]{8}$/i.test(word))
    throw new RpcError('bad_response', 'eth_call');
  return Number.parseInt(word.slice(-8), 16);
}
