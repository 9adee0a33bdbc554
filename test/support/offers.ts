// Offers as sellers write them, and what is chosen of them, over two registered assets.
import { parseCaip2, parseEvmAddress, type EvmAddress, type Json, type Terms } from '#domain';
import { chooseOffer, readBroughtChallenge, type ChoiceLimits, type PayableAsset } from '#x402';

const asset = (chainId: number, token: string, name: string): PayableAsset => ({
  network: parseCaip2(`eip155:${chainId}`),
  token: parseEvmAddress(token),
  symbol: 'USDC',
  name,
  version: '2',
  decimals: 6,
  unit: 'USD6',
});
export const SEPOLIA = asset(84532, '0x036CbD53842c5426634e7929541eC2318f3dCF7e', 'USDC');
export const BASE = asset(8453, '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913', 'USD Coin');
const registry = {
  find: (network: string, token: EvmAddress) =>
    [SEPOLIA, BASE].find((it) => it.network === network && it.token === token),
  all: () => [SEPOLIA, BASE],
};
export const PAYEE = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C';
export const page = { url: 'https://api.example/data?q=1', method: 'GET' };
export const offer = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
  scheme: 'exact',
  network: 'eip155:84532',
  amount: '10000',
  asset: '0x036CbD53842c5426634e7929541eC2318f3dCF7e',
  payTo: PAYEE,
  maxTimeoutSeconds: 300,
  extra: { name: 'USDC', version: '2' },
  ...over,
});
export const onBase = (over: Record<string, unknown> = {}) =>
  offer({ network: 'eip155:8453', asset: BASE.token, extra: { name: 'USD Coin', version: '2' }, ...over });

/** What our payer makes of such an offer. */
export function choose(
  accepts: unknown[],
  limits: Partial<ChoiceLimits> = {},
  over: Record<string, unknown> = {},
) {
  const challenge = readBroughtChallenge({ x402Version: 2, accepts, ...over } as Json);
  return chooseOffer(challenge, page, registry, { maxAmount: 1_000_000n, ...limits });
}

export function termsOf(choice: ReturnType<typeof choose>): Terms {
  if (!choice.ok) throw new Error(choice.code);
  return choice.terms;
}
