import type { RegisteredAsset } from '#engine';

export interface StockTerms {
  readonly asset: RegisteredAsset;
  readonly version: 1 | 2;
  /** As the version spells it. */
  readonly network: string;
  readonly payTo: string;
  /** Base units. */
  readonly amount: bigint;
  readonly resource: string;
  readonly timeoutSec: number;
}

/**
 * Terms that a caller brings, as the challenge of a stock seller with one offer. Text: the canonical form that fingerprints are taken over knows
 * no fractions, and sellers' schemas do. The same terms make the same text.
 */
export function stockChallenge({
  asset,
  version,
  network,
  payTo,
  amount,
  resource,
  timeoutSec,
}: StockTerms): string {
  const common = {
    scheme: 'exact',
    network,
    payTo,
    maxTimeoutSeconds: timeoutSec,
    asset: asset.checksummed ?? asset.token,
  };
  const extra = { name: asset.name, version: asset.version };
  const price = amount.toString();
  const offer =
    version === 1
      ? { ...common, maxAmountRequired: price, resource, description: '', mimeType: '', extra }
      : { ...common, amount: price, extra };
  return JSON.stringify({ x402Version: version, accepts: [offer] });
}
