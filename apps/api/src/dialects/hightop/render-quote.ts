import { formatDecimal, refuse, type ErrorCode } from '#domain';
import type { AssetRegistry, Quote } from '#engine';

/** The seller's demand was read and Purser cannot meet it; anything else that stops a quote is an error. */
const UNSUPPORTED: ReadonlySet<ErrorCode> = new Set([
  'unpayable_challenge',
  'unknown_network',
  'unknown_asset',
  'unsupported_scheme',
]);

export function renderQuote(assets: AssetRegistry, quote: Quote): object {
  switch (quote.kind) {
    case 'free':
      return { ok: true, supported: true, x402_required: false, price: null, policy: null };
    case 'unpayable':
      if (!UNSUPPORTED.has(quote.code)) throw refuse(quote.code, quote.details);
      return {
        ok: true,
        supported: false,
        x402_required: true,
        price: null,
        policy: null,
        reason: { code: quote.code, details: quote.details },
      };
    case 'priced': {
      const { terms, judged } = quote;
      return {
        ok: true,
        supported: true,
        x402_required: true,
        price: {
          amount: terms.amount.toString(),
          amount_usd: terms.unit === 'USD6' ? formatDecimal('USD6', terms.amount) : null,
          asset: terms.token,
          asset_symbol: assets.find(terms.network, terms.token)?.symbol ?? null,
          network: terms.network,
          pay_to: terms.payTo,
          scheme: 'exact',
          x402_version: terms.x402Version,
        },
        policy: judged.ok
          ? { allowed: true, needs_approval: judged.verdict.needsApproval, reasons: judged.verdict.reasons }
          : { allowed: false, code: judged.code, details: judged.details },
      };
    }
  }
}
