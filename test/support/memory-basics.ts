// The small ports: hashing, derivations, vault, registry, header codec. Real in meaning, cheap in cost.
import { createHash } from 'node:crypto';
import {
  parseApprovalId,
  parseHex32,
  parseOperationId,
  type Authorization,
  type BudgetView,
  type EvmAddress,
  type Hex32,
  type Policy,
  type Terms,
} from '#domain';
import type {
  AssetRegistry,
  Derivation,
  Hashing,
  FacilitatorCodec,
  HeaderCodec,
  Ids,
  Logger,
  Metrics,
  PaymentHeader,
  PolicyStore,
  RegisteredAsset,
  RemoteFacilitators,
  Scope,
  Vault,
} from '#engine';
import { NETWORK, TOKEN } from './builders.js';
import type { MemoryDatabase, MemoryWallet } from './memory-database.js';
import { obstacleTo } from './memory-obstacles.js';

const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');

export const memoryHashing: Hashing = { sha256 };

/** Keyed in reality; here a plain hash, which is as stable. */
export const memoryDerivation: Derivation = {
  operationId(workspaceId, agentId, key) {
    const hex = sha256(`operation|${workspaceId}|${agentId}|${key}`);
    return parseOperationId(
      `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
    );
  },
  authorizationNonce: (workspaceId, operationId) =>
    parseHex32(`0x${sha256(`nonce|1|${workspaceId}|${operationId}|0`)}`),
};

export function memoryIds(): Ids {
  let last = 0;
  return {
    approvalId() {
      last += 1;
      return parseApprovalId(`apr_${last.toString().padStart(26, '0')}`);
    },
  };
}

/** Marks what went through it, so that a sealed value is never mistaken for a plain one. */
export const memoryVault: Vault = {
  seal: (workspaceId, plain) =>
    new TextEncoder().encode(`sealed:${workspaceId}:${Buffer.from(plain).toString('base64')}`),
  open(workspaceId, sealed) {
    const text = new TextDecoder().decode(sealed);
    const head = `sealed:${workspaceId}:`;
    if (!text.startsWith(head)) throw new Error('sealed for another workspace');
    return Buffer.from(text.slice(head.length), 'base64');
  },
};

export const TEST_ASSET: RegisteredAsset = {
  network: NETWORK,
  chainId: 84532,
  token: TOKEN,
  symbol: 'USDC',
  name: 'USDC',
  version: '2',
  decimals: 6,
  unit: 'USD6',
};

type Tuple = Omit<Authorization, 'digest' | 'walletId'>;

export const digestOf = (tuple: Tuple): Hex32 =>
  parseHex32(
    `0x${sha256(`${tuple.method}|${tuple.facilitator}|${tuple.network}|${tuple.token}|${tuple.from}|${tuple.to}|${tuple.value}|${tuple.validAfterSec}|${tuple.validBeforeSec}|${tuple.nonce}`)}`,
  );

/** Stands for a signature: only the holder of `from` makes it, anybody can check it. */
export const fakeSignature = (digest: Hex32, from: EvmAddress): string =>
  sha256(`signature|${digest}|${from}`);

export const memoryAssets: AssetRegistry = {
  find: (network, token) => (network === NETWORK && token === TOKEN ? TEST_ASSET : undefined),
  all: () => [TEST_ASSET],
  digest: (_asset, tuple) => digestOf(tuple),
};

export interface WirePayment extends Tuple {
  readonly signature: string;
  readonly operationId: string;
}

export const memoryHeaders: HeaderCodec & FacilitatorCodec = {
  encode(_terms, authorization, signature, operationId): PaymentHeader {
    const { digest: _digest, walletId: _walletId, value, ...rest } = authorization;
    const wire = {
      ...rest,
      value: value.toString(),
      signature: Buffer.from(signature).toString('hex'),
      operationId,
    };
    return { name: 'payment-signature', value: JSON.stringify(wire) };
  },
  encodeForFacilitator({ terms, authorization, signature, operationId }) {
    return new TextEncoder().encode(this.encode(terms, authorization, signature, operationId).value);
  },
  supportsPaymentIdentifier: (terms: Terms) =>
    (terms.wire as { identifier?: boolean } | null)?.identifier === true,
  identifierOf: (_terms, operationId) => operationId,
  naming: (terms) => terms,
};

export function decodePayment(header: PaymentHeader): WirePayment {
  const wire = JSON.parse(header.value) as WirePayment & { value: string };
  return { ...wire, value: BigInt(wire.value) };
}

export function encodePayment(payment: WirePayment): PaymentHeader {
  return {
    name: 'payment-signature',
    value: JSON.stringify({ ...payment, value: payment.value.toString() }),
  };
}

/** None is configured. */
export const noFacilitators: RemoteFacilitators = {
  namesFor: () => [],
  verify: () => Promise.reject(new Error('nobody is asked')),
  settle: () => Promise.reject(new Error('nobody is asked')),
};

export const silentLogger: Logger = { info: () => {}, warn: () => {}, error: () => {} };
export const noMetrics: Metrics = { stepTook: () => {}, ended: () => {} };

export type { MemoryWallet } from './memory-database.js';

/** Policies by workspace and agent id, one wallet per agent. */
export class MemoryPolicies implements PolicyStore {
  readonly policies = new Map<string, Policy>();
  readonly wallets = new Map<string, MemoryWallet>();
  treasury: MemoryWallet | undefined;
  budgetViews: (scope: Scope) => readonly BudgetView[] = () => [];
  /** `kind/name` of those that payments may be booked under. */
  readonly tags = new Set<string>();

  unknownTags(...[, tags]: Parameters<PolicyStore['unknownTags']>) {
    return Promise.resolve(tags.filter(({ kind, name }) => !this.tags.has(`${kind}/${name}`)));
  }

  /** The rows that some rules look at; without them nobody was ever paid. */
  constructor(private readonly database?: MemoryDatabase) {}

  policiesFor(...[workspaceId, agentId]: Parameters<PolicyStore['policiesFor']>) {
    return Promise.resolve([workspaceId, agentId].flatMap((id) => this.policies.get(id) ?? []));
  }

  walletFor(...[, agentId, network]: Parameters<PolicyStore['walletFor']>) {
    const wallet = this.wallets.get(agentId);
    return Promise.resolve(
      wallet && network === NETWORK ? { walletId: wallet.walletId, address: wallet.address } : undefined,
    );
  }

  treasuryOf() {
    return Promise.resolve(this.treasury);
  }

  payeeKnownTo(...[who, payee]: Parameters<PolicyStore['payeeKnownTo']>) {
    return Promise.resolve(this.database?.payeeKnownTo(who, payee) ?? []);
  }

  likeOf(...[who, likeness, at]: Parameters<PolicyStore['likeOf']>) {
    return Promise.resolve(this.database?.likeOf(who.agentId, likeness, at) ?? null);
  }

  obstacleTo(...[who, what]: Parameters<PolicyStore['obstacleTo']>) {
    return Promise.resolve(this.database ? obstacleTo(this.database, who, what) : null);
  }

  budgetsOf(...[{ workspaceId, agentId }, unit]: Parameters<PolicyStore['budgetsOf']>) {
    const views = [null, agentId].flatMap((node) => this.budgetViews({ workspaceId, agentId: node }));
    return Promise.resolve(views.filter((view) => view.unit === unit));
  }

  ownsWallet(...[, agentId, address]: Parameters<PolicyStore['ownsWallet']>) {
    return Promise.resolve(this.wallets.get(agentId)?.address === address);
  }
}
