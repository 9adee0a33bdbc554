import {
  allowanceNonce,
  refuse,
  validityOf,
  type Authorization,
  type EvmAddress,
  type Hex32,
  type Policy,
  type Terms,
} from '#domain';
import type { Ports } from '../ports.js';
import { rulesFor } from '../judge-terms.js';
import { record, type StepContext, type StepOutcome } from './step.js';

/** An authorization with less life than this is not worth signing: facilitators refuse below 6 s (x402.md 4.1). */
const MIN_VALIDITY_SEC = 12;

/** Whatever is signed at once would live too short a life. */
export const isTooShort = ({ maxTimeoutSec }: Terms, policies: readonly Policy[]): boolean =>
  Math.min(maxTimeoutSec, validityOf(policies)) < MIN_VALIDITY_SEC;

/** Composes the exact tuple. Committing it is the intent: from then on it may be live, and there will never be another (S2, S3). */
export async function prepare({ ports, cursor }: StepContext): Promise<StepOutcome> {
  const { state } = cursor;
  if (state.status !== 'reserved' && state.status !== 'approved') return { kind: 'again' };
  const { terms } = state;
  const { workspaceId, operationId } = cursor.claimed;
  const { policies, wallet } = cursor.rules ?? (await rulesFor(ports, cursor.claimed, terms));
  const asset = ports.assets.find(terms.network, terms.token);
  if (!wallet) return record({ type: 'Refuse', code: 'wallet_missing', details: { network: terms.network } });
  if (!asset)
    return record({
      type: 'Refuse',
      code: 'unknown_asset',
      details: { network: terms.network, asset: terms.token },
    });

  const nowMs = ports.clock.nowMs();
  const nowSec = Math.floor(nowMs / 1000);
  const useBySec =
    state.status === 'approved' ? Math.floor(state.grant.useByMs / 1000) : Number.MAX_SAFE_INTEGER;
  const validBeforeSec = Math.min(nowSec + Math.min(terms.maxTimeoutSec, validityOf(policies)), useBySec);
  if (validBeforeSec - nowSec < MIN_VALIDITY_SEC) {
    if (state.status === 'approved') return record({ type: 'Refuse', code: 'approval_expired', details: {} });
    return record({
      type: 'Refuse',
      code: 'unpayable_challenge',
      details: { reasons: ['validity_too_short'] },
    });
  }
  const derived = ports.derivation.authorizationNonce(workspaceId, operationId);
  const tuple = {
    method: terms.transferMethod ?? 'eip3009',
    ...(terms.facilitator === undefined ? {} : { facilitator: terms.facilitator }),
    network: terms.network,
    token: terms.token,
    from: wallet.address,
    to: terms.payTo,
    value: terms.amount,
    validAfterSec: 0,
    validBeforeSec,
    nonce:
      terms.transferMethod === 'allowance'
        ? await permitNonceFor(ports, derived, { ...terms, owner: wallet.address })
        : derived,
  };
  const authorization: Authorization = {
    ...tuple,
    walletId: wallet.walletId,
    digest: ports.assets.digest(asset, tuple),
  };
  return record({ type: 'PrepareAuthorization', authorization, nowMs });
}

/** A permit has the token's next number; another of this wallet's that is under way is a guard inside the commit. */
async function permitNonceFor(
  ports: Pick<Ports, 'chain'>,
  derived: Hex32,
  { network, token, owner }: Pick<Terms, 'network' | 'token'> & { readonly owner: EvmAddress },
): Promise<Hex32> {
  const next = await ports.chain.permitNonce(network, token, owner).catch(() => {
    throw refuse('chain_unavailable');
  });
  return allowanceNonce(derived, next);
}
