// Which of many addresses have code, in one call. The call has no target: its data is a program that puts the size of each appended address'
// code in place of the address and returns them, so nothing has to be deployed for it.
import type { EvmAddress } from '#domain';
import type { Hex } from 'viem';

const PROGRAM = [
  '601f3803', // size = codesize - 31, the length of this program
  '80601f600039', // mem[0..size] = what follows the program
  '805b', // i = size; loop:
  '8015601d57', // while i != 0
  '60209003', // i -= 32
  '80513b8152', // mem[i] = extcodesize(mem[i])
  '600b56',
  '5bf3', // return mem[0..size]
].join('');
const DIGITS = 64;

export function codeSizesData(addresses: readonly EvmAddress[]): Hex {
  return `0x${PROGRAM}${addresses.map((address) => address.slice(2).padStart(DIGITS, '0')).join('')}`;
}

/** Whether there is code at each address, in the order asked; undefined: the node does not run such calls. */
export function codesIn(answer: Hex | undefined, count: number): readonly boolean[] | undefined {
  if (answer?.length !== 2 + count * DIGITS) return undefined;
  const sizes = Array.from({ length: count }, (_, index) =>
    answer.slice(2 + index * DIGITS).slice(0, DIGITS),
  );
  return sizes.map((size) => /[^0]/.test(size));
}
