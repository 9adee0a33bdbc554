// Which network and token a caller means. Purser pays on EVM chains; what is asked for on Solana is refused before anything is bound.
import { parseCaip2, refuse, type Caip2 } from '#domain';
import type { AssetRegistry, RegisteredAsset } from '#engine';
import { networkOf } from '#x402';

/** The chain of a local installation. */
const LOCAL = parseCaip2('eip155:84532');
/** As the vendor spells its networks; `cluster` is Solana's word for one. */
const SOLANA = /^(solana($|[-:])|devnet$|testnet$|mainnet-beta$)/i;

/** Refuses with `unknown_network`, naming what there is. */
export function usdcOn(assets: Pick<AssetRegistry, 'all'>, spelling: string, field: string): RegisteredAsset {
  const usdc = assets.all().filter((asset) => asset.symbol === 'USDC');
  const network = spelling.toLowerCase() === 'local' ? LOCAL : networkOf(spelling);
  const found = usdc.find((asset) => asset.network === network);
  if (found && !SOLANA.test(spelling)) return found;
  throw refuse('unknown_network', {
    field,
    network: spelling,
    reason: SOLANA.test(spelling) ? 'no_solana_rail' : 'not_registered',
    supported: usdc.map((asset) => asset.network),
  });
}

/** Where the caller names no network: the one there is. Refuses with `validation_failed` where there are more. */
export function onlyUsdc(assets: Pick<AssetRegistry, 'all'>, field: string): RegisteredAsset {
  const usdc = assets.all().filter((asset) => asset.symbol === 'USDC');
  const [only] = usdc;
  if (only === undefined || usdc.length > 1)
    throw refuse('validation_failed', {
      field,
      reason: 'needed_where_there_are_several_networks',
      supported: usdc.map((asset) => asset.network),
    });
  return only;
}

/** Protocol v1 knows networks by short names, v2 by CAIP-2: how the seller spelled it says which it speaks. */
export function speaks(spelling: string): { readonly version: 1 | 2; readonly network: string } {
  if (spelling.toLowerCase() === 'local') return { version: 1, network: 'base-sepolia' };
  return { version: isCaip2(spelling) ? 2 : 1, network: spelling };
}

const isCaip2 = (text: string): text is Caip2 => text.startsWith('eip155:');
