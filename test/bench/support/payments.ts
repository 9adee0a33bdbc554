// Payments to be settled, signed ahead of time, in the form in which a seller hands them to a facilitator (x402 v2, exact, EIP-3009).
import { randomBytes } from 'node:crypto';
import { parseCaip2, parseEvmAddress, parseHex32, type EvmAddress } from '#domain';
import { decodePrivateKey, hasherOf, openAuthorizationKey, type AuthorizationKey } from '#evm';
import { generatePrivateKey } from 'viem/accounts';
import { LOCAL_NETWORK, LOCAL_TOKEN, mintUsdc } from '../../../apps/local/src/chain.js';

const NETWORK = parseCaip2(LOCAL_NETWORK);
const TOKEN = parseEvmAddress(LOCAL_TOKEN);
const AMOUNT = 1_000n;
const FUNDS = 1_000_000_000n;

export interface FacilitatorRequest {
  readonly x402Version: 2;
  readonly paymentPayload: object;
  readonly paymentRequirements: object;
}

export interface PaymentMaker {
  /** `count` payments with fresh nonces, spread over payers and payees. */
  make(count: number): readonly FacilitatorRequest[];
}

/** Payers and payees that hold tokens already, so that no transfer pays for a first balance. */
export async function paymentMaker(
  rpcUrl: string,
  { payers = 20, payees = 10 }: { readonly payers?: number; readonly payees?: number } = {},
): Promise<PaymentMaker> {
  const keys: AuthorizationKey[] = [];
  for (let n = 0; n < payers; n += 1) {
    const key = openAuthorizationKey(decodePrivateKey(generatePrivateKey()));
    await mintUsdc(rpcUrl, key.address, FUNDS);
    keys.push(key);
  }
  const payTo: EvmAddress[] = [];
  for (let n = 0; n < payees; n += 1) {
    const payee = parseEvmAddress(`0x${randomBytes(20).toString('hex')}`);
    await mintUsdc(rpcUrl, payee, 1n);
    payTo.push(payee);
  }
  return {
    make: (count) =>
      Array.from({ length: count }, (_, n) =>
        requestOf(keys[n % payers] as AuthorizationKey, payTo[n % payees] as EvmAddress),
      ),
  };
}

function requestOf(key: AuthorizationKey, to: EvmAddress): FacilitatorRequest {
  const hasher = hasherOf(NETWORK, TOKEN);
  if (hasher === undefined) throw new Error('the local token is not registered');
  const tuple = {
    from: key.address,
    to,
    value: AMOUNT,
    validAfterSec: 0,
    validBeforeSec: Math.floor(Date.now() / 1000) + 600,
    nonce: parseHex32(`0x${randomBytes(32).toString('hex')}`),
  };
  const { signature } = key.signTransfer(hasher, tuple);
  const offer = {
    scheme: 'exact',
    network: LOCAL_NETWORK,
    amount: AMOUNT.toString(),
    asset: LOCAL_TOKEN,
    payTo: to,
    maxTimeoutSeconds: 600,
    extra: { name: 'USDC', version: '2' },
  };
  const authorization = {
    from: tuple.from,
    to,
    value: AMOUNT.toString(),
    validAfter: '0',
    validBefore: String(tuple.validBeforeSec),
    nonce: tuple.nonce,
  };
  return {
    x402Version: 2,
    paymentPayload: {
      x402Version: 2,
      accepted: offer,
      payload: { signature: `0x${Buffer.from(signature).toString('hex')}`, authorization },
    },
    paymentRequirements: offer,
  };
}
