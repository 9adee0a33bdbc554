// After a restore the database may have forgotten an intent whose payment the chain remembers. The nonce is derived from the operation, so
// the payment is found again by it, before anything is asked, decided or ended: it is taken over as it happened, never made a second time.
import { isBeforeIntent, topUpUnit, type Authorization, type Terms, type Verdict } from '#domain';
import type { ForgottenUse } from './chain-ports.js';
import type { Cursor } from './cursor.js';
import { termsDigest } from './judge-terms.js';
import type { Ports } from './ports.js';

type Paid = Extract<ForgottenUse, { kind: 'paid' }>;

/** `not_yet`: the chain has not been compared since the restore; nothing may be begun, and nothing ended either. */
export async function adoptForgotten(ports: Ports, cursor: Cursor): Promise<'settled' | 'not_yet'> {
  const { state, claimed } = cursor;
  if (state.status === 'needs_attention' || !isBeforeIntent(state)) return 'settled';
  const nonce = ports.derivation.authorizationNonce(claimed.workspaceId, claimed.operationId);
  const use = await ports.adoption.find(claimed.workspaceId, nonce);
  switch (use.kind) {
    case 'none':
      return 'settled';
    case 'not_yet':
      return 'not_yet';
    case 'unclear':
      requireAttention(cursor, use.txHash);
      return 'settled';
    case 'paid': {
      const asset = ports.assets.find(use.payment.network, use.payment.token);
      if (!asset) {
        requireAttention(cursor, use.settlement.txHash);
        return 'settled';
      }
      // What validity it had is forgotten; it is spent, so "until now" is as true as any.
      const tuple = {
        ...use.payment,
        validAfterSec: 0,
        validBeforeSec: Math.floor(ports.clock.nowMs() / 1000),
        nonce,
      };
      const digest = ports.assets.digest(asset, tuple);
      const terms = termsOf(cursor, use, asset.unit);
      ports.logger.warn({ operationId: claimed.operationId, tx: use.settlement.txHash }, 'payment adopted');
      cursor.record({
        type: 'AdoptPayment',
        terms,
        verdict: ADOPTED,
        termsDigest: termsDigest(ports, terms),
        authorization: { ...tuple, walletId: use.walletId, digest } satisfies Authorization,
        settlement: use.settlement,
      });
      return 'settled';
    }
  }
}

const ADOPTED: Verdict = { policyVersion: 0, needsApproval: false, reasons: ['paid_before_restore'] };

function requireAttention(cursor: Cursor, tx: string): void {
  const details = { reason: 'paid_before_restore', tx };
  cursor.record({ type: 'RequireAttention', code: 'needs_attention', details });
}

/** The seller's own words are lost, and are not needed: nothing will be presented. */
function termsOf(cursor: Cursor, { payment }: Paid, unit: Terms['unit']): Terms {
  const { state } = cursor;
  if (!('request' in state)) throw new Error('an operation without a request');
  const { url, method, kind } = state.request;
  return {
    network: payment.network,
    token: payment.token,
    payTo: payment.to,
    amount: payment.value,
    transferMethod: payment.method,
    ...(payment.facilitator === undefined ? {} : { facilitator: payment.facilitator }),
    unit: kind === 'top_up' ? topUpUnit(unit) : unit,
    resourceUrl: url,
    method,
    x402Version: 2,
    maxTimeoutSec: 0,
    wire: null,
  };
}
