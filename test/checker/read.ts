import pg from 'pg';
import {
  type ApprovalLog,
  groupBy,
  nonceKey,
  type Books,
  type BudgetRow,
  type EventRow,
  type NonceUse,
  type Plain,
  type ReservationRow,
  type SettlementRow,
  type StopFact,
  type TransferLog,
  type WalletRow,
} from './model.js';
import { readPolicies } from './read-policies.js';
import { readVotes } from './read-votes.js';
import { readUsage } from './read-usage.js';
import { claimedPermits, permitsIn, permitUses, type SentCall } from './permit-uses.js';

export interface StackFile {
  readonly databaseUrl: string;
  readonly rpcUrl: string;
  readonly token: string;
}

const COUNTED = ['hour', 'day', 'month', 'lifetime', 'rolling_24h', 'rolling_30d'] as const;
const LIMITS = ['per_payment', ...COUNTED, ...COUNTED.map((window) => `count_${window}`)];

export async function readBooks(stack: StackFile): Promise<Books> {
  const client = new pg.Client({ connectionString: stack.databaseUrl });
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const events = await readEvents(client);
    const reservations = await readReservations(client);
    const budgets = await readBudgets(client);
    const policies = await readPolicies(client);
    const { usageNodes, usage } = await readUsage(client);
    const wallets = await readWallets(client);
    const settlements = await readSettlements(client);
    const stops = await readStops(client);
    const votes = await readVotes(client);
    const operations = groupBy(events, (event) => event.operationId);
    const payers = new Set([...wallets.keys(), ...settlements.map((it) => it.payer)]);
    const chain = await readChain(stack, payers, blocksNamedIn(events));
    const byPermit2 = await permitUses(
      [...permitsIn(events), ...claimedPermits(settlements)],
      chain,
      (hash) => callOf(stack, hash),
    );
    const uses = [...chain.uses, ...byPermit2];
    const eventCount = events.length;
    const rows = { reservations, budgets, policies, usageNodes, usage, settlements, votes, wallets, stops };
    return { operations, eventCount, ...rows, ...chain, uses };
  } finally {
    await client.end();
  }
}

async function readEvents(client: pg.Client): Promise<EventRow[]> {
  const { rows } = await client.query<Record<string, string | number | Plain>>(
    `SELECT workspace_id, operation_id, version, type, schema, data, actor, occurred_at_ms::text AS at,
            encode(prev_hash, 'hex') AS prev, encode(hash, 'hex') AS hash, cluster_epoch, txid::text AS tx, position::text AS pos
       FROM events ORDER BY operation_id, version`,
  );
  return rows.map((row) => ({
    workspaceId: String(row['workspace_id']),
    operationId: String(row['operation_id']),
    version: Number(row['version']),
    type: String(row['type']),
    schema: Number(row['schema']),
    data: row['data'] as Plain,
    actor: row['actor'] as Plain,
    occurredAtMs: Number(row['at']),
    prevHash: String(row['prev']),
    hash: String(row['hash']),
    order: [Number(row['cluster_epoch']), BigInt(String(row['tx'])), BigInt(String(row['pos']))],
  }));
}

async function readStops(client: pg.Client): Promise<StopFact[]> {
  const { rows } = await client.query<{ workspace: string; type: string; data: Plain }>(
    `SELECT workspace_id AS workspace, type, data FROM admin_event
      WHERE type IN ('Paused', 'Resumed', 'AgentDisabled') AND data ? 'events_to' ORDER BY position`,
  );
  return rows.map(({ workspace, type, data }) => ({ workspaceId: workspace, type, data }));
}

async function readWallets(client: pg.Client): Promise<Map<string, WalletRow>> {
  const { rows } = await client.query<Record<string, string | null>>(
    'SELECT address, workspace_id, agent_id, role FROM wallet',
  );
  return new Map(
    rows.map((row) => [
      String(row['address']).toLowerCase(),
      {
        workspaceId: String(row['workspace_id']),
        agentId: row['agent_id'] ?? null,
        role: String(row['role']),
      },
    ]),
  );
}

async function readReservations(client: pg.Client): Promise<Map<string, ReservationRow>> {
  const { rows } = await client.query<{ [name: string]: string } & { others: string[] | null }>(
    `SELECT operation_id, agent_id, unit, amount::text, captured::text, state, (extract(epoch FROM charged_at) * 1000)::bigint::text AS charged, others::text[] FROM reservation`,
  );
  return new Map(
    rows.map((row) => [
      String(row['operation_id']),
      {
        operationId: String(row['operation_id']),
        agentId: String(row['agent_id']),
        unit: String(row['unit']),
        amount: BigInt(row['amount'] ?? ''),
        captured: BigInt(row['captured'] ?? ''),
        state: row['state'] as ReservationRow['state'],
        chargedAtMs: Number(row['charged']),
        others: row.others ?? [],
      },
    ]),
  );
}

async function readBudgets(client: pg.Client): Promise<BudgetRow[]> {
  const columns = LIMITS.map((name) => `limit_${name}::text`).join(', ');
  const { rows } = await client.query<Record<string, string | null>>(
    `SELECT n.workspace_id, n.node_id, n.kind, t.name AS tag, unit, ${columns}, held::text, held_count::text, lifetime_spent::text, lifetime_count::text
       FROM budget_node n LEFT JOIN tag t ON t.workspace_id = n.workspace_id AND t.node_id = n.node_id WHERE layer = 'payments'`,
  );
  return rows.map((row) => ({
    workspaceId: String(row['workspace_id']),
    nodeId: String(row['node_id']),
    kind: String(row['kind']),
    tag: row['tag'] ?? null,
    unit: String(row['unit']),
    limits: Object.fromEntries(LIMITS.map((name) => [name, limitOf(row[`limit_${name}`])])),
    held: BigInt(row['held'] ?? '0'),
    heldCount: BigInt(row['held_count'] ?? '0'),
    lifetimeSpent: BigInt(row['lifetime_spent'] ?? '0'),
    lifetimeCount: BigInt(row['lifetime_count'] ?? '0'),
  }));
}

async function readSettlements(client: pg.Client): Promise<SettlementRow[]> {
  const { rows } = await client.query<Record<string, string | null>>(
    'SELECT method, token, payer, nonce, payee, value::text, status, tx_hash, log_index::text FROM settlement',
  );
  return rows.map((row) => ({
    method: String(row['method']),
    token: String(row['token']),
    payer: String(row['payer']),
    nonce: String(row['nonce']),
    payee: String(row['payee']),
    value: BigInt(row['value'] ?? ''),
    status: row['status'] as SettlementRow['status'],
    txHash: row['tx_hash'] ?? null,
    logIndex: row['log_index'] === null ? null : Number(row['log_index']),
  }));
}

function limitOf(text: string | null | undefined): bigint | null {
  return text === null || text === undefined ? null : BigInt(text);
}

function blocksNamedIn(events: readonly EventRow[]): Set<number> {
  const numbers = new Set<number>();
  for (const { data } of events) {
    for (const part of [data['settlement'], data['proof']]) {
      const number = (part as Plain | undefined)?.['blockNumber'];
      if (typeof number === 'number') numbers.add(number);
    }
  }
  return numbers;
}

// keccak-256 of the event signatures, written out: the checker shares no code with the adapter.
const USED = '0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5';
const CANCELED = '0x1cdd46ff242716cdaa72d159d339a485b3438398348d68f09d7c8c0a59353d81';
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';

const APPROVAL = '0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925';

interface RpcLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly transactionHash: string;
  readonly blockNumber: string;
  readonly blockHash: string;
  readonly logIndex: string;
}

async function readChain(
  stack: StackFile,
  wallets: ReadonlySet<string>,
  named: ReadonlySet<number>,
): Promise<Pick<Books, 'uses' | 'transfers' | 'approvals' | 'blocks'>> {
  const logs = wallets.size === 0 ? [] : await walletLogs(stack, [...wallets]);
  const uses = logs.flatMap((log): NonceUse[] => {
    if (log.topics[0] !== USED && log.topics[0] !== CANCELED) return [];
    return [
      {
        kind: log.topics[0] === USED ? 'used' : 'cancelled',
        from: addressOf(log.topics[1]),
        nonce: String(log.topics[2]),
        ...place(log),
      },
    ];
  });
  const transfers = logs.flatMap((log): TransferLog[] => {
    if (log.topics[0] !== TRANSFER) return [];
    return [
      {
        from: addressOf(log.topics[1]),
        to: addressOf(log.topics[2]),
        value: BigInt(log.data),
        ...place(log),
      },
    ];
  });
  const approvals = logs.flatMap((log): ApprovalLog[] => {
    if (log.topics[0] !== APPROVAL) return [];
    const [, owner, spender] = log.topics;
    return [{ owner: addressOf(owner), spender: addressOf(spender), value: BigInt(log.data), ...place(log) }];
  });
  const blocks = new Map<number, { hash: string; timestampSec: number }>();
  for (const number of named) {
    const block = await rpc<{ hash: string; timestamp: string } | null>(
      stack.rpcUrl,
      'eth_getBlockByNumber',
      [`0x${number.toString(16)}`, false],
    );
    if (block) blocks.set(number, { hash: block.hash, timestampSec: Number(BigInt(block.timestamp)) });
  }
  const seen = new Set(uses.map((use) => `${nonceKey(use)}@${use.txHash}/${use.logIndex}`));
  if (seen.size !== uses.length) throw new Error('the node listed a log twice');
  return { uses, transfers, approvals, blocks };
}

async function callOf(stack: StackFile, txHash: string): Promise<SentCall> {
  return rpc<SentCall>(stack.rpcUrl, 'eth_getTransactionByHash', [txHash]);
}

async function walletLogs(stack: StackFile, wallets: readonly string[]): Promise<RpcLog[]> {
  const logs: RpcLog[] = [];
  for (let start = 0; start < wallets.length; start += 200) {
    const padded = wallets.slice(start, start + 200).map((wallet) => `0x${'0'.repeat(24)}${wallet.slice(2)}`);
    const filter = {
      address: stack.token,
      fromBlock: '0x0',
      toBlock: 'latest',
      topics: [[USED, CANCELED, TRANSFER, APPROVAL], padded],
    };
    logs.push(...(await rpc<RpcLog[]>(stack.rpcUrl, 'eth_getLogs', [filter])));
  }
  return logs;
}

function place(log: RpcLog): Omit<TransferLog, 'from' | 'to' | 'value'> {
  return {
    token: log.address.toLowerCase(),
    txHash: log.transactionHash,
    blockNumber: Number(BigInt(log.blockNumber)),
    blockHash: log.blockHash,
    logIndex: Number(BigInt(log.logIndex)),
  };
}

function addressOf(topic: string | undefined): string {
  return `0x${String(topic).slice(26)}`.toLowerCase();
}

async function rpc<T>(url: string, method: string, params: readonly unknown[]): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const answer = (await response.json()) as { result?: T; error?: { message: string } };
  if (answer.error || answer.result === undefined)
    throw new Error(`${method}: ${answer.error?.message ?? 'no result'}`);
  return answer.result;
}
