import {
  parseWalletId,
  refuse,
  type AgentId,
  type EvmAddress,
  type WalletId,
  type WorkspaceId,
} from '#domain';
import type {
  Actor,
  LowBalanceAlarm,
  NewWallet,
  Page,
  PageRequest,
  WalletKeys,
  WalletStore,
  WalletView,
} from '#engine';
import { sql } from 'kysely';
import { requireAgent } from './agents.js';
import { change, within, type Database, type Trx } from './change.js';
import { setFloat, stopFloat } from './floats.js';
import { newId } from './ids.js';
import { CURSOR_PARTS, pageSize, readCursor, toPage } from './page.js';

interface Row {
  readonly workspace_id: string;
  readonly wallet_id: string;
  readonly agent_id: string | null;
  readonly role: WalletView['role'];
  readonly address: string;
  readonly label: string;
  readonly status: 'active' | 'retired';
  readonly origin: 'created' | 'imported';
  readonly backup_confirmed_at: Date | null;
  readonly created_at: Date;
}

const COLUMNS = sql<Row>`workspace_id, wallet_id, agent_id, role, address, label, status, origin, backup_confirmed_at, created_at`;

export class PostgresWallets implements WalletStore {
  constructor(private readonly db: Database) {}

  async create(workspaceId: WorkspaceId, input: NewWallet, keys: WalletKeys, by: Actor): Promise<WalletView> {
    await this.requireScope(workspaceId, input);
    // A crash after this leaves a key without a row: it holds nothing, because its address was never given out.
    const walletId = parseWalletId(newId('wal'));
    const address = await keys.createKey(workspaceId, walletId);
    return this.insert(workspaceId, { ...input, walletId, address, origin: 'created' }, by);
  }

  async import(
    workspaceId: WorkspaceId,
    input: NewWallet & { readonly privateKey: string },
    keys: WalletKeys,
    by: Actor,
  ): Promise<WalletView> {
    await this.requireScope(workspaceId, input);
    const walletId = parseWalletId(newId('wal'));
    const address = await keys.importKey(workspaceId, walletId, input.privateKey);
    const { privateKey: _never, ...kept } = input;
    return this.insert(workspaceId, { ...kept, walletId, address, origin: 'imported' }, by);
  }

  get(workspaceId: WorkspaceId, walletId: WalletId): Promise<WalletView> {
    return within(this.db, workspaceId, (trx) => find(trx, workspaceId, walletId));
  }

  async list(workspaceId: WorkspaceId, page: PageRequest): Promise<Page<WalletView>> {
    const size = pageSize(page);
    const after = readCursor(page.cursor, [CURSOR_PARTS.id]);
    return within(this.db, workspaceId, async (trx) => {
      const older = after ? sql`AND wallet_id < ${after[0]}` : sql``;
      const { rows } =
        await sql<Row>`SELECT ${COLUMNS} FROM wallet WHERE workspace_id = ${workspaceId} ${older}
        ORDER BY wallet_id DESC LIMIT ${size + 1}`.execute(trx);
      return toPage(rows, size, { item: toView, key: (row) => [row.wallet_id] });
    });
  }

  async retire(
    workspaceId: WorkspaceId,
    walletId: WalletId,
    keys: WalletKeys,
    by: Actor,
  ): Promise<WalletView> {
    const view = await change(this.db, { workspaceId, by }, async (trx) => {
      const { numAffectedRows } = await sql`UPDATE wallet SET status = 'retired'
        WHERE workspace_id = ${workspaceId} AND wallet_id = ${walletId} AND status = 'active'`.execute(trx);
      const result = await find(trx, workspaceId, walletId);
      return { result, fact: numAffectedRows === 1n ? factOf('WalletRetired', result) : null };
    });
    await keys.retireKey(workspaceId, walletId);
    return view;
  }

  setLowBalance(
    workspaceId: WorkspaceId,
    walletId: WalletId,
    { network, token, below }: LowBalanceAlarm,
    by: Actor,
  ): Promise<void> {
    return change(this.db, { workspaceId, by }, async (trx) => {
      await find(trx, workspaceId, walletId);
      // The watcher says whether it is low; a threshold of its own makes a wallet's row before its first reading.
      await sql`INSERT INTO wallet_asset AS held (workspace_id, wallet_id, network, token, low_below)
        VALUES (${workspaceId}, ${walletId}, ${network}, ${token}, ${below?.toString() ?? null}::numeric)
        ON CONFLICT (workspace_id, wallet_id, network, token) DO UPDATE SET low_below = excluded.low_below, low = false`.execute(
        trx,
      );
      const data = { wallet_id: walletId, network, token, below: below?.toString() ?? null };
      return { result: undefined, fact: { type: 'LowBalanceSet', data } };
    });
  }

  setFloat(...[workspaceId, walletId, float, by]: Parameters<WalletStore['setFloat']>): Promise<void> {
    return setFloat(this.db, { workspaceId, walletId, by }, float);
  }

  stopFloat(...[workspaceId, walletId, place, by]: Parameters<WalletStore['stopFloat']>): Promise<void> {
    return stopFloat(this.db, { workspaceId, walletId, by }, place);
  }

  confirmBackup(workspaceId: WorkspaceId, walletId: WalletId, by: Actor): Promise<WalletView> {
    return change(this.db, { workspaceId, by }, async (trx) => {
      const { numAffectedRows } = await sql`UPDATE wallet SET backup_confirmed_at = clock_timestamp()
        WHERE workspace_id = ${workspaceId} AND wallet_id = ${walletId} AND backup_confirmed_at IS NULL`.execute(
        trx,
      );
      const result = await find(trx, workspaceId, walletId);
      return { result, fact: numAffectedRows === 1n ? factOf('WalletBackupConfirmed', result) : null };
    });
  }

  async depositAddress(workspaceId: WorkspaceId, walletId: WalletId): Promise<EvmAddress> {
    const wallet = await this.get(workspaceId, walletId);
    if (wallet.status === 'retired') throw refused('wallet_retired');
    if (wallet.backupConfirmedAtMs === null) throw refused('backup_not_confirmed');
    return wallet.address;
  }

  private requireScope(workspaceId: WorkspaceId, { agentId, role }: NewWallet): Promise<void> {
    return within(this.db, workspaceId, async (trx) => {
      if (role === 'treasury') await requireNoTreasury(trx, workspaceId, agentId);
      if (agentId !== null) {
        await requireAgent(trx, workspaceId, agentId);
        return requireRoom(trx, workspaceId, agentId);
      }
      const { rows } = await sql`SELECT FROM workspace WHERE workspace_id = ${workspaceId}`.execute(trx);
      if (rows.length === 0) throw refuse('not_found', { object: 'workspace' });
    });
  }

  private insert(
    workspaceId: WorkspaceId,
    input: NewWallet & Pick<WalletView, 'walletId' | 'address' | 'origin'>,
    by: Actor,
  ): Promise<WalletView> {
    return change(this.db, { workspaceId, by }, async (trx) => {
      // One address belongs to one workspace: two books over one balance could both be right and together be wrong.
      const { rows } =
        await sql<Row>`INSERT INTO wallet (workspace_id, wallet_id, agent_id, role, address, label, origin)
        VALUES (${workspaceId}, ${input.walletId}, ${input.agentId}, ${input.role ?? 'payments'}, ${input.address.toLowerCase()}, ${input.label}, ${input.origin})
        ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`.execute(trx);
      if (!rows[0]) {
        if (input.role === 'treasury') await requireNoTreasury(trx, workspaceId, input.agentId);
        throw refuse('validation_failed', { field: 'private_key', reason: 'already_managed' });
      }
      const result = toView(rows[0]);
      return {
        result,
        fact: factOf(input.origin === 'created' ? 'WalletCreated' : 'WalletImported', result),
      };
    });
  }
}

async function requireNoTreasury(trx: Trx, workspaceId: WorkspaceId, agentId: AgentId | null): Promise<void> {
  if (agentId !== null)
    throw refuse('validation_failed', { field: 'agent_id', reason: 'not_for_a_treasury' });
  const { rows } = await sql`SELECT FROM wallet
    WHERE workspace_id = ${workspaceId} AND role = 'treasury' AND status = 'active'`.execute(trx);
  if (rows.length > 0) throw refuse('validation_failed', { field: 'role', reason: 'treasury_exists' });
}

async function find(trx: Trx, workspaceId: WorkspaceId, walletId: WalletId): Promise<WalletView> {
  const { rows } = await sql<Row>`SELECT ${COLUMNS} FROM wallet
    WHERE workspace_id = ${workspaceId} AND wallet_id = ${walletId}`.execute(trx);
  if (!rows[0]) throw refuse('not_found', { object: 'wallet' });
  return toView(rows[0]);
}

function refused(reason: string) {
  return refuse('validation_failed', { field: 'wallet_id', reason });
}

function factOf(type: string, wallet: WalletView) {
  const { walletId, agentId, role, address } = wallet;
  return { type, data: { wallet_id: walletId, agent_id: agentId, role, address } };
}

function toView(row: Row): WalletView {
  return {
    walletId: row.wallet_id as WalletId,
    workspaceId: row.workspace_id as WorkspaceId,
    agentId: row.agent_id as AgentId | null,
    role: row.role,
    address: row.address as EvmAddress,
    label: row.label,
    status: row.status,
    origin: row.origin,
    backupConfirmedAtMs: row.backup_confirmed_at?.getTime() ?? null,
    createdAtMs: row.created_at.getTime(),
  };
}

/** An agent may make wallets for itself in one dialect; a key that is retired stays in the keystore for ever. */
const MOST_PER_AGENT = 16;

async function requireRoom(trx: Trx, workspaceId: WorkspaceId, agentId: AgentId): Promise<void> {
  const { rows } = await sql<{ made: number }>`SELECT count(*)::integer AS made FROM wallet
    WHERE workspace_id = ${workspaceId} AND agent_id = ${agentId}`.execute(trx);
  if ((rows[0]?.made ?? 0) >= MOST_PER_AGENT)
    throw refuse('validation_failed', { field: 'agent_id', reason: 'too_many_wallets' });
}
