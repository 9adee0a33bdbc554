// Requests to a facilitator as sellers send them, in both versions: real signatures over real digests, made by keys of test accounts.
import { parseCaip2, type EvmAddress } from '#domain';
import { decodePrivateKey, findAsset, hasherOf, openAuthorizationKey, toHex, type EvmAsset } from '#evm';
import { address, hex32, NOON } from './builders.js';

export const USDC_NETWORK = parseCaip2('eip155:84532');
export const USDC = findAsset(
  USDC_NETWORK,
  '0x036cbd53842c5426634e7929541ec2318f3dcf7e' as EvmAddress,
) as EvmAsset;
export const PAYEE = address(0x5e11e4);

/** A key that everybody knows: 0x00…01, 0x00…02 and so on. */
export const keyOf = (number: number) => openAuthorizationKey(decodePrivateKey(hex32(number)));
export const BUYER = keyOf(1).address;

export interface PaymentInput {
  readonly version?: 1 | 2;
  readonly nonce?: number;
  readonly value?: bigint;
  readonly to?: EvmAddress;
  readonly from?: EvmAddress;
  readonly validAfterSec?: number;
  readonly validBeforeSec?: number;
  /** Which key signs. */
  readonly signer?: number;
  readonly signature?: string;
  readonly paymentIdentifier?: string;
}

type Body = Record<string, unknown>;
// oxlint-disable-next-line typescript/no-explicit-any -- any place of the body may be spoilt
export type Spoil = (body: any) => void;

/** A good request; `change` may spoil it. */
export function facilitatorBody(input: PaymentInput = {}, change: Spoil = () => {}): Body {
  const { version = 2 } = input;
  const payload = proofOf(input);
  const offer = {
    scheme: 'exact',
    network: version === 1 ? 'base-sepolia' : USDC_NETWORK,
    asset: USDC.token,
    payTo: PAYEE,
    maxTimeoutSeconds: 60,
    extra: { name: 'USDC', version: '2' },
  };
  const identifier = input.paymentIdentifier;
  const body: Body =
    version === 1
      ? {
          x402Version: 1,
          paymentPayload: { x402Version: 1, scheme: 'exact', network: 'base-sepolia', payload },
          paymentRequirements: {
            ...offer,
            maxAmountRequired: '10000',
            resource: 'https://shop.example/item',
            description: '',
            mimeType: '',
            outputSchema: null,
          },
        }
      : {
          x402Version: 2,
          paymentPayload: {
            x402Version: 2,
            resource: null,
            accepted: { ...offer, amount: '10000' },
            payload,
            extensions:
              identifier === undefined
                ? null
                : { 'payment-identifier': { info: { required: true, id: identifier }, schema: {} } },
          },
          paymentRequirements: { ...offer, amount: '10000' },
        };
  change(body);
  return body;
}

function proofOf(input: PaymentInput) {
  const authorization = {
    from: input.from ?? keyOf(input.signer ?? 1).address,
    to: input.to ?? PAYEE,
    value: input.value ?? 10_000n,
    validAfterSec: input.validAfterSec ?? 0,
    validBeforeSec: input.validBeforeSec ?? NOON / 1000 + 60,
    nonce: hex32(input.nonce ?? 1),
  };
  return {
    signature: input.signature ?? toHex(signatureOf(authorization, input.signer ?? 1)),
    authorization: {
      from: authorization.from,
      to: authorization.to,
      value: authorization.value.toString(),
      validAfter: String(authorization.validAfterSec),
      validBefore: String(authorization.validBeforeSec),
      nonce: authorization.nonce,
    },
  };
}

/** The named key's signature, whoever the payer is. */
function signatureOf(
  tuple: Parameters<ReturnType<typeof keyOf>['signTransfer']>[1],
  signer: number,
): Uint8Array {
  const key = keyOf(signer);
  const hasher = hasherOf(USDC.network, USDC.token);
  if (hasher === undefined) throw new Error('not registered');
  return key.signTransfer(hasher, { ...tuple, from: key.address }).signature;
}

const word = (hex: string): string => hex.padStart(64, '0');

/** A signature in an ERC-6492 wrapper: abi.encode(factory, deployment, signature) and the magic word. */
export function wrapped6492(signature: string, factory: EvmAddress = address(0xfac)): string {
  const bytes = signature.slice(2);
  const padded = bytes.padEnd(Math.ceil(bytes.length / 64) * 64, '0');
  const head = [factory.slice(2), (96).toString(16), (160).toString(16)].map(word).join('');
  const deployment = word('4') + 'deadbeef'.padEnd(64, '0');
  return `0x${head}${deployment}${word((bytes.length / 2).toString(16))}${padded}${'6492'.repeat(16)}`;
}
