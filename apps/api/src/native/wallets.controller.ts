import { Body, Controller, Get, HttpCode, Inject, Param, Post, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import {
  parseAgentId,
  parseAtomic,
  parseCaip2,
  parseEvmAddress,
  parseWalletId,
  refuse,
  type WalletId,
} from '#domain';
import type { BalancesView, Principal, RegisteredAsset } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { ListQuery, pageOf, renderPage } from '../http/lists.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import {
  BalancesQuery,
  FloatDto,
  ImportWalletDto,
  LowBalanceDto,
  NewWalletDto,
  StopFloatDto,
} from './accounts.dto.js';
import { renderBalance, renderFloat, renderWallet } from './accounts.render.js';
import { actorOf } from './actor.js';

@ApiTags('Wallets')
@Controller('purser/v1')
export class WalletsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post('wallets')
  @Roles('admin', 'backend')
  @ApiOperation({ summary: 'A new wallet; its key is made in the signer and stays there' })
  @Answer(201, 'Wallet')
  @Errors('Error', 400, 401, 403, 404, 503)
  async create(@Caller() caller: Principal, @Body() dto: NewWalletDto): Promise<object> {
    const { admin, walletKeys } = this.core;
    return renderWallet(
      await admin.wallets.create(caller.workspaceId, walletOf(dto), walletKeys, actorOf(caller)),
    );
  }

  @Post('wallets/import')
  @Roles('admin')
  @ApiOperation({ summary: 'A wallet from an existing private key, which goes to the signer only' })
  @Answer(201, 'Wallet')
  @Errors('Error', 400, 401, 403, 404, 503)
  async import(@Caller() caller: Principal, @Body() dto: ImportWalletDto): Promise<object> {
    const { admin, walletKeys } = this.core;
    const input = { ...walletOf(dto), privateKey: dto.private_key };
    return renderWallet(await admin.wallets.import(caller.workspaceId, input, walletKeys, actorOf(caller)));
  }

  @Get('wallets')
  @Roles('admin', 'auditor', 'backend')
  @ApiOperation({ summary: 'Wallets, newest first' })
  @Answer(200, 'Wallets')
  @Errors('Error', 400, 401)
  async list(@Caller() caller: Principal, @Query() query: ListQuery): Promise<object> {
    return renderPage(await this.core.admin.wallets.list(caller.workspaceId, pageOf(query)), renderWallet);
  }

  @Get('wallets/:id')
  @Roles('admin', 'auditor', 'agent', 'backend')
  @ApiOperation({
    summary: 'A wallet with what it has on chain, what of that is signed away, and what is left',
  })
  @Answer(200, 'WalletWithBalances')
  @Errors('Error', 400, 401, 404)
  async get(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    return this.withBalances(caller, parseWalletId(id));
  }

  @Put('wallets/:id/low-balance')
  @Roles('admin')
  @ApiOperation({ summary: 'Be told when less than this is available' })
  @Answer(200, 'WalletWithBalances')
  @Errors('Error', 400, 401, 403, 404)
  async setLowBalance(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: LowBalanceDto,
  ): Promise<object> {
    const walletId = parseWalletId(id);
    const { network, token } = this.assetOf(dto);
    const below = dto.below === null ? null : parseAtomic(dto.below, 'below');
    const { wallets } = this.core.admin;
    await wallets.setLowBalance(caller.workspaceId, walletId, { network, token, below }, actorOf(caller));
    return this.withBalances(caller, walletId);
  }

  @Put('wallets/:id/float')
  @Roles('admin')
  @ApiOperation({
    summary: 'Keep the wallet filled from the treasury: under min, up to target, at most the cap a day',
  })
  @Answer(200, 'WalletWithBalances')
  @Errors('Error', 400, 401, 403, 404)
  async setFloat(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: FloatDto,
  ): Promise<object> {
    const walletId = parseWalletId(id);
    const { network, token } = this.assetOf(dto);
    const float = { network, token, ...floatOf(dto), person: caller.person };
    await this.core.admin.wallets.setFloat(caller.workspaceId, walletId, float, actorOf(caller));
    return this.withBalances(caller, walletId);
  }

  @Post('wallets/:id/float/stop')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Fill the wallet no more; a top-up under way goes on' })
  @Answer(200, 'WalletWithBalances')
  @Errors('Error', 400, 401, 403, 404)
  async stopFloat(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: StopFloatDto,
  ): Promise<object> {
    const walletId = parseWalletId(id);
    const { network, token } = this.assetOf(dto);
    await this.core.admin.wallets.stopFloat(
      caller.workspaceId,
      walletId,
      { network, token },
      actorOf(caller),
    );
    return this.withBalances(caller, walletId);
  }

  @Post('wallets/:id/retire')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'No new operation pays from it' })
  @Answer(200, 'Wallet')
  @Errors('Error', 400, 401, 403, 404, 503)
  async retire(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    const { admin, walletKeys } = this.core;
    const walletId = parseWalletId(id);
    return renderWallet(
      await admin.wallets.retire(caller.workspaceId, walletId, walletKeys, actorOf(caller)),
    );
  }

  @Post('wallets/:id/confirm-backup')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({
    summary: "Say that the key's backup exists and opens; before that there is no deposit address",
  })
  @Answer(200, 'Wallet')
  @Errors('Error', 400, 401, 403, 404)
  async confirmBackup(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    const { wallets } = this.core.admin;
    return renderWallet(await wallets.confirmBackup(caller.workspaceId, parseWalletId(id), actorOf(caller)));
  }

  @Get('wallets/:id/deposit-address')
  @Roles('admin', 'backend')
  @ApiOperation({ summary: 'Where to send funds' })
  @Answer(200, 'DepositAddress')
  @Errors('Error', 400, 401, 403, 404, 409)
  async depositAddress(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    const walletId = parseWalletId(id);
    const address = await this.core.admin.wallets.depositAddress(caller.workspaceId, walletId);
    return { wallet_id: walletId, address };
  }

  @Get('balances')
  @Roles('admin', 'auditor', 'agent', 'backend')
  @ApiOperation({ summary: 'On chain, live and available per wallet; held and spent per agent' })
  @Answer(200, 'Balances')
  @Errors('Error', 400, 401)
  async balances(@Caller() caller: Principal, @Query() query: BalancesQuery): Promise<object> {
    const asked = query.agent_id === undefined ? undefined : parseAgentId(query.agent_id);
    const agentId = caller.agentId ?? asked;
    const filter = agentId === undefined ? {} : { agentId };
    return renderBalances(await this.core.reads.balances(caller.workspaceId, filter));
  }

  /** An agent sees what it pays from: its own wallets and the shared ones. */
  private async withBalances({ workspaceId, agentId }: Principal, walletId: WalletId): Promise<object> {
    const wallet = await this.core.admin.wallets.get(workspaceId, walletId);
    const own = wallet.agentId === agentId || (wallet.agentId === null && wallet.role === 'payments');
    if (agentId !== null && !own) throw refuse('not_found', { object: 'wallet' });
    const { wallets, floats } = await this.core.reads.balances(workspaceId, { walletId });
    return { ...renderWallet(wallet), balances: wallets.map(renderBalance), floats: floats.map(renderFloat) };
  }

  private assetOf(dto: { readonly network: string; readonly asset: string }): RegisteredAsset {
    const network = parseCaip2(dto.network, 'network');
    const asset = this.core.ports.assets.find(network, parseEvmAddress(dto.asset, 'asset'));
    if (!asset) throw refuse('validation_failed', { field: 'asset', reason: 'not_registered' });
    return asset;
  }
}

function floatOf(dto: FloatDto): { min: bigint; target: bigint; capPerDay: bigint } {
  const [min, target] = [parseAtomic(dto.min, 'min'), parseAtomic(dto.target, 'target')];
  const capPerDay = parseAtomic(dto.cap_per_day, 'cap_per_day');
  if (min === 0n) throw refuse('invalid_amount', { field: 'min', reason: 'never_below_it' });
  if (target < min) throw refuse('invalid_amount', { field: 'target', reason: 'below_min' });
  if (capPerDay === 0n) throw refuse('invalid_amount', { field: 'cap_per_day', reason: 'nothing_to_send' });
  return { min, target, capPerDay };
}

function walletOf(dto: NewWalletDto) {
  const agentId = dto.agent_id === undefined ? null : parseAgentId(dto.agent_id);
  return { agentId, role: dto.role ?? 'payments', label: dto.label ?? '' };
}

function renderBalances({ wallets, funds }: BalancesView): object {
  return {
    wallets: wallets.map((it) => ({
      wallet_id: it.walletId,
      agent_id: it.agentId,
      address: it.address,
      ...renderBalance(it),
    })),
    funds: funds.map((it) => ({
      agent_id: it.agentId,
      unit: it.unit,
      held: it.held.toString(),
      captured: it.captured.toString(),
    })),
  };
}
