// From which addresses a credential may be used.
import { BlockList, isIP } from 'node:net';
import { refuse } from '#domain';

const MOST_BLOCKS = 50;
const MAPPED = /^::ffff:(?=[0-9]+\.)/i;

/** Refuses what is neither an address nor a block; the database drops the bits behind the mask. */
export function checkBlocks(blocks: readonly string[]): void {
  const bad = blocks.findIndex((block) => !isBlock(block));
  if (bad >= 0)
    throw refuse('validation_failed', {
      field: `allowed_ips.${bad}`,
      reason: 'not_an_address_or_cidr_block',
    });
  if (blocks.length === 0 || blocks.length > MOST_BLOCKS)
    throw refuse('validation_failed', { field: 'allowed_ips', reason: `not_1_to_${MOST_BLOCKS}_blocks` });
}

function isBlock(block: string): boolean {
  const [address = '', length, ...rest] = block.split('/');
  const family = isIP(address);
  // An IPv4 address in IPv6 form would never match: callers are compared in IPv4 form.
  if (family === 0 || rest.length > 0 || address.includes('%') || /^::ffff:/i.test(address)) return false;
  return length === undefined || (/^(0|[1-9][0-9]{0,2})$/.test(length) && Number(length) <= bitsOf(family));
}

const bitsOf = (family: number): number => (family === 4 ? 32 : 128);

/** IPv4 callers also where they come as IPv6. Null: from anywhere. */
export function mayComeFrom(blocks: readonly string[] | null, ip: string): boolean {
  if (blocks === null) return true;
  const address = ip.replace(MAPPED, '');
  if (isIP(address) === 0) return false;
  const list = new BlockList();
  for (const block of blocks) {
    const [network = '', length] = block.split('/');
    const family = isIP(network);
    list.addSubnet(network, length === undefined ? bitsOf(family) : Number(length), familyName(family));
  }
  return list.check(address, familyName(isIP(address)));
}

const familyName = (family: number) => (family === 4 ? 'ipv4' : 'ipv6');
