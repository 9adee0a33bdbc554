// Values for tests: every field has a harmless default, a test names only what it is about.
import {
  decide,
  DEFAULT_POLICY,
  fold,
  parseAgentId,
  parseApprovalId,
  parseCaip2,
  parseEvmAddress,
  parseHex32,
  parseOperationId,
  parseWalletId,
  parseWorkspaceId,
  type Authorization,
  type Roster,
  type DeathProof,
  type Delivery,
  type EvmAddress,
  type Hex32,
  type OperationCommand,
  type OperationEvent,
  type OperationRequest,
  type OperationState,
  type Policy,
  type Settlement,
  type Terms,
  type Verdict,
} from '#domain';

export const uuid = (n: number, kind = 0): string =>
  `${kind.toString(16).padStart(8, '0')}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
export const address = (n: number): EvmAddress => parseEvmAddress(`0x${n.toString(16).padStart(40, '0')}`);
/** Of the wallet `number` in the in-memory API. */
export const walletAddress = (number: number): EvmAddress => address(0xaa + number);
export const hex32 = (n: number): Hex32 => parseHex32(`0x${n.toString(16).padStart(64, '0')}`);
/** Prefixed id with a number in base 10 digits, which are all in the id alphabet. */
const tail = (n: number): string => n.toString().padStart(26, '0');

export const WORKSPACE = parseWorkspaceId(uuid(1, 1));
export const AGENT = parseAgentId(uuid(1, 2));
export const OPERATION = parseOperationId(uuid(1, 3));
export const NETWORK = parseCaip2('eip155:84532');
export const TOKEN = address(0x70_4e);
export const PAYER = address(0xaa);
export const SELLER = address(0x5e);
export const WALLET = parseWalletId(`wal_${tail(1)}`);
export const walletId = (n: number) => parseWalletId(`wal_${tail(n)}`);
export const approvalId = (n = 1) => parseApprovalId(`apr_${tail(n)}`);

/** 2026-03-01 12:00:00 UTC. */
export const NOON = Date.UTC(2026, 2, 1, 12);

export function aRequest(over: Partial<OperationRequest> = {}): OperationRequest {
  return {
    kind: 'purchase',
    agentId: AGENT,
    url: 'https://shop.example/item',
    method: 'GET',
    headers: {},
    bodyHash: null,
    maxAmount: 1_000_000n,
    expect: {},
    challenge: null,
    allowReplay: false,
    timeoutMs: 10_000,
    note: null,
    ...over,
  };
}

export function someTerms(over: Partial<Terms> = {}): Terms {
  return {
    network: NETWORK,
    token: TOKEN,
    payTo: SELLER,
    amount: 10_000n,
    unit: 'USD6',
    resourceUrl: 'https://shop.example/item',
    method: 'GET',
    x402Version: 2,
    maxTimeoutSec: 300,
    wire: {},
    ...over,
  };
}

export const aVerdict = (over: Partial<Verdict> = {}): Verdict => ({
  policyVersion: 0,
  needsApproval: false,
  reasons: [],
  ...over,
});

export function anAuthorization(over: Partial<Authorization> = {}): Authorization {
  return {
    method: 'eip3009',
    network: NETWORK,
    token: TOKEN,
    walletId: WALLET,
    from: PAYER,
    to: SELLER,
    value: 10_000n,
    validAfterSec: 0,
    validBeforeSec: NOON / 1000 + 300,
    nonce: hex32(0x0ce),
    digest: hex32(0xd1),
    ...over,
  };
}

export const aSettlement = (over: Partial<Settlement> = {}): Settlement => ({
  txHash: hex32(0x77),
  blockNumber: 100,
  blockHash: hex32(0xb100),
  logIndex: 3,
  ...over,
});

export const aProof = (over: Partial<DeathProof> = {}): DeathProof => ({
  blockNumber: 200,
  blockHash: hex32(0xb200),
  blockTimeSec: NOON / 1000 + 301,
  witnesses: 2,
  ...over,
});

export const aDelivery = (over: Partial<Delivery> = {}): Delivery => ({
  outcome: 'delivered',
  attempt: 1,
  httpStatus: 200,
  bodyHash: 'b0d7',
  bodyBytes: 12,
  contentType: 'text/plain',
  claimedTxHash: null,
  retryAtMs: null,
  checkedAtBlock: 100,
  ...over,
});

export const aPolicy = (over: Partial<Policy> = {}): Policy => ({ ...DEFAULT_POLICY, ...over });

/** Commands that lead from nothing to each status, in order. */
export const OPEN: OperationCommand = {
  type: 'Open',
  request: aRequest(),
  fingerprint: 'f1',
  keyHash: 'k1',
  requester: 'alice',
};
export const accept = (needsApproval = false): OperationCommand => ({
  type: 'AcceptTerms',
  terms: someTerms(),
  verdict: aVerdict({ needsApproval, reasons: needsApproval ? ['above_threshold'] : [] }),
  termsDigest: 't1',
});
export const ASK: OperationCommand = {
  type: 'RequestApproval',
  approvalId: approvalId(),
  digest: 'd1',
  decideByMs: NOON + 60_000,
};
/** Everybody named is an approver, a member of the groups after their name: `bob:finance,ops`. */
export const aRoster = (...people: readonly string[]): Roster => ({
  epoch: 0,
  people: people.map((text) => {
    const [person = '', groups = ''] = text.split(':');
    return { person, groups: groups === '' ? [] : groups.split(','), barred: null };
  }),
  delegations: [],
});
export const APPROVERS = aRoster('bob', 'carol', 'dave');

export const APPROVE: OperationCommand = {
  type: 'Approve',
  by: 'bob',
  onBehalfOf: null,
  roster: APPROVERS,
  digest: 'd1',
  nowMs: NOON,
  useByMs: NOON + 600_000,
};
export const REJECT: OperationCommand = {
  type: 'Reject',
  by: 'bob',
  onBehalfOf: null,
  roster: APPROVERS,
  reason: 'no',
  nowMs: NOON,
};
export const CONFIRM: OperationCommand = {
  type: 'ConfirmTerms',
  terms: someTerms(),
  verdict: aVerdict({ needsApproval: true }),
  termsDigest: 't1',
};
export const PREPARE: OperationCommand = {
  type: 'PrepareAuthorization',
  authorization: anAuthorization(),
  nowMs: NOON,
};
export const SIGNED: OperationCommand = { type: 'RecordSigned', signatureHash: 's1' };
export const OBSERVE: OperationCommand = { type: 'ObserveSettlement', settlement: aSettlement() };
export const FINALIZE: OperationCommand = { type: 'FinalizeSettlement', settlement: aSettlement() };
export const EXPIRED_UNUSED: OperationCommand = { type: 'RecordExpiredUnused', proof: aProof() };

const RESERVED: readonly OperationCommand[] = [OPEN, accept(), { type: 'ReserveBudget' }];
const WAITING: readonly OperationCommand[] = [OPEN, accept(true), { type: 'ReserveBudget' }, ASK];

/** How each status is reached. */
export const WAYS = {
  absent: [],
  opened: [OPEN],
  judged: [OPEN, accept()],
  reserved: RESERVED,
  reserved_needing_approval: [OPEN, accept(true), { type: 'ReserveBudget' }],
  awaiting_approval: WAITING,
  approved: [...WAITING, APPROVE],
  confirmed: [...WAITING, APPROVE, CONFIRM],
  authorized: [...RESERVED, PREPARE],
  signed: [...RESERVED, PREPARE, SIGNED],
  provisional: [...RESERVED, PREPARE, SIGNED, OBSERVE],
  settled_undelivered: [...RESERVED, PREPARE, SIGNED, OBSERVE, FINALIZE],
  settled: [
    ...RESERVED,
    PREPARE,
    SIGNED,
    { type: 'RecordDelivery', delivery: aDelivery(), seen: aSettlement() },
    FINALIZE,
  ],
  failed: [...RESERVED, PREPARE, SIGNED, EXPIRED_UNUSED],
  refused: [OPEN, { type: 'Refuse', code: 'policy_refused', details: {} }],
  rejected: [...WAITING, REJECT],
  expired: [...WAITING, { type: 'ExpireApproval', nowMs: NOON + 60_000 }],
  cancelled: [OPEN, { type: 'Cancel', by: 'alice', reason: 'changed my mind' }],
  needs_attention: [
    ...RESERVED,
    PREPARE,
    SIGNED,
    { type: 'RequireAttention', code: 'needs_attention', details: { reason: 'test' } },
  ],
} as const satisfies Record<string, readonly OperationCommand[]>;

/** The facts that follow from these commands, each of which must be accepted. */
export function eventsFrom(commands: readonly OperationCommand[]): OperationEvent[] {
  const events: OperationEvent[] = [];
  for (const command of commands) {
    const decision = decide(fold(events), command);
    if (!decision.ok) throw new Error(`${command.type} was refused: ${decision.code}`);
    events.push(...decision.events);
  }
  return events;
}

export const stateIn = (way: keyof typeof WAYS): OperationState => fold(eventsFrom(WAYS[way]));
