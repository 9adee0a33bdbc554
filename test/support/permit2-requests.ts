// Requests to a facilitator about payments by Permit2, as sellers send them: real signatures over real digests, by keys of test accounts.
import type { EvmAddress } from '#domain';
import { createPermitHasher, PROXY_OF, toHex } from '#evm';
import { hex32, NOON } from './builders.js';
import { keyOf, PAYEE, USDC, USDC_NETWORK, type Spoil } from './facilitator-requests.js';
import { BROADCASTER } from './memory-facilitator.js';

export interface PermitInput {
  readonly method?: 'permit2' | 'upto';
  readonly nonce?: number;
  /** What was signed: the whole of an exact payment, the ceiling of a metered one. */
  readonly signed?: bigint;
  /** What the seller asks for; all that was signed unless told otherwise. */
  readonly amount?: bigint;
  readonly to?: EvmAddress;
  readonly from?: EvmAddress;
  readonly facilitator?: EvmAddress;
  readonly validAfterSec?: number;
  readonly deadlineSec?: number;
  /** Which key signs. */
  readonly signer?: number;
  readonly signature?: string;
  readonly paymentIdentifier?: string;
}

const hasher = createPermitHasher(84532);

/** A good request of version 2; `change` may spoil it. */
export function permitBody(input: PermitInput = {}, change: Spoil = () => {}): Record<string, unknown> {
  const { method = 'permit2', signed = 10_000n, amount = signed, paymentIdentifier: id } = input;
  const offer = {
    scheme: method === 'upto' ? 'upto' : 'exact',
    network: USDC_NETWORK,
    asset: USDC.token,
    payTo: PAYEE,
    maxTimeoutSeconds: 60,
    amount: amount.toString(),
    extra: method === 'upto' ? { facilitatorAddress: BROADCASTER } : { assetTransferMethod: 'permit2' },
  };
  const identifier = { 'payment-identifier': { info: { required: true, id }, schema: {} } };
  const body = {
    x402Version: 2,
    paymentPayload: {
      x402Version: 2,
      resource: null,
      accepted: { ...offer, amount: signed.toString() },
      payload: proofOf(input, method, signed),
      extensions: id === undefined ? null : identifier,
    },
    paymentRequirements: offer,
  };
  change(body);
  return body;
}

function proofOf(input: PermitInput, method: 'permit2' | 'upto', value: bigint) {
  const key = keyOf(input.signer ?? 1);
  const facilitator = input.facilitator ?? BROADCASTER;
  const tuple = {
    method,
    token: USDC.token,
    from: key.address,
    to: input.to ?? PAYEE,
    value,
    validAfterSec: input.validAfterSec ?? 0,
    validBeforeSec: input.deadlineSec ?? NOON / 1000 + 60,
    nonce: hex32(input.nonce ?? 1),
    ...(method === 'upto' ? { facilitator } : {}),
  };
  return {
    signature: input.signature ?? toHex(key.signTransfer(hasher, tuple).signature),
    permit2Authorization: {
      from: input.from ?? tuple.from,
      permitted: { token: tuple.token, amount: value.toString() },
      spender: PROXY_OF[method],
      nonce: BigInt(tuple.nonce).toString(),
      deadline: tuple.validBeforeSec.toString(),
      witness: {
        to: tuple.to,
        ...(method === 'upto' ? { facilitator } : {}),
        validAfter: tuple.validAfterSec.toString(),
      },
    },
  };
}
