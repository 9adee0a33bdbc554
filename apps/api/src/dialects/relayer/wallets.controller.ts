import { Controller, Get, Inject, Param, Query, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { chainIdOf, formatDecimal, parseEvmAddress, refuse, type AgentId, type EvmAddress } from '#domain';
import type { Principal, RecordedOperation, RegisteredAsset, WalletBalanceView, WalletView } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { agentNamed } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { CORE } from '../../tokens.js';
import { relayer } from './dialect.js';
import { iso, placeOf, success } from './envelope.js';
import { ActivityQuery, TokenBalanceQuery } from './funding.dto.js';
import { usdcOn } from './network.js';
import { payingWallet } from './own-wallet.js';

@ApiTags('Relayer')
@Speaks(relayer)
@Controller('v1')
export class RelayerWalletsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get('agents/:id/wallet')
  @Roles('agent', 'backend', 'admin', 'auditor')
  @ApiOperation({ summary: 'What the agent pays from' })
  @Answer(200, 'RelayerWallet')
  @Errors('RelayerError', 400, 401, 403, 404)
  async wallet(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { agentId } = await agentNamed(this.core, caller, id);
    const wallet = await this.mustPayFrom(caller, agentId);
    const data = {
      agentId,
      address: wallet.address,
      explorerUrl: explorerUrl(this.core, wallet.address),
      shared: wallet.agentId === null,
      networks: [...new Set(this.core.ports.assets.all().map((asset) => asset.network))],
    };
    return success(placeOf(this.core, request), { message: 'Wallet', data });
  }

  @Get('agents/:id/wallet-balance')
  @Roles('agent', 'backend', 'admin', 'auditor')
  @ApiOperation({ summary: 'USDC in the wallet, on every network, and how much of it is free' })
  @Answer(200, 'RelayerWalletBalance')
  @Errors('RelayerError', 400, 401, 403, 404)
  async balance(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { agentId } = await agentNamed(this.core, caller, id);
    const { walletId, address } = await this.mustPayFrom(caller, agentId);
    const { wallets } = await this.core.reads.balances(caller.workspaceId, { walletId });
    const usdc = wallets.filter((it) => this.assetOf(it)?.symbol === 'USDC');
    const total = usdc.reduce((sum, it) => sum + it.available, 0n);
    const data = {
      agentId,
      address,
      balanceUSDC: formatDecimal('USD6', total),
      networks: usdc.map(renderBalance),
    };
    return success(placeOf(this.core, request), { message: 'Balance', data });
  }

  @Get('balance/token')
  @Roles('backend', 'admin', 'auditor')
  @ApiOperation({ summary: 'A token in a wallet of this workspace' })
  @Answer(200, 'RelayerTokenBalance')
  @Errors('RelayerError', 400, 401, 403, 404, 422)
  async token(
    @Caller() caller: Principal,
    @Query() query: TokenBalanceQuery,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { ports } = this.core;
    const { network } = usdcOn(ports.assets, query.chain, 'chain');
    const symbol = query.symbol ?? 'USDC';
    const asset = ports.assets.all().find((it) => it.network === network && it.symbol === symbol);
    if (!asset) throw refuse('unknown_asset', { field: 'symbol', network, symbol });
    const found = await this.balanceAt(caller, parseEvmAddress(query.address), asset);
    return success(placeOf(this.core, request), {
      message: 'Balance',
      data: { address: found.address, chain: network, symbol, token: asset.token, ...renderBalance(found) },
    });
  }

  @Get('balance/activity')
  @Roles('backend', 'admin', 'auditor')
  @ApiOperation({ summary: 'Payments from a wallet of this workspace, newest first' })
  @Answer(200, 'RelayerWalletActivity')
  @Errors('RelayerError', 400, 401, 403, 404, 422)
  async activity(
    @Caller() caller: Principal,
    @Query() query: ActivityQuery,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { ports, reads } = this.core;
    const asset = usdcOn(ports.assets, query.chain, 'chain');
    const address = parseEvmAddress(query.address);
    const { agentId } = await this.balanceAt(caller, address, asset);
    const limit = Number(query.limit ?? '20');
    const sinceMs = ports.clock.nowMs() - Number(query.days ?? '7') * 86_400_000;
    const filter = agentId === null ? { spend: true as const } : { agentId, spend: true as const };
    const page = await reads.operations(caller.workspaceId, filter, { cursor: null, limit: 100 });
    const items = page.items
      .filter((it) => it.authorization?.from === address && it.authorization.network === asset.network)
      .filter((it) => it.openedAtMs >= sinceMs)
      .slice(0, limit);
    return success(placeOf(this.core, request), { message: 'Activity', data: items.map(renderPaid) });
  }

  private async mustPayFrom({ workspaceId }: Principal, agentId: AgentId): Promise<WalletView> {
    const wallet = await payingWallet(this.core, workspaceId, agentId);
    if (wallet === null) throw refuse('not_found', { object: 'wallet' });
    return wallet;
  }

  /** Of another workspace's wallet, and of a stranger's, nothing is told. */
  private async balanceAt(
    { workspaceId }: Principal,
    address: EvmAddress,
    { network, token }: RegisteredAsset,
  ): Promise<WalletBalanceView> {
    const { wallets } = await this.core.reads.balances(workspaceId);
    const found = wallets.find(
      (it) => it.address === address && it.network === network && it.token === token,
    );
    if (!found) throw refuse('not_found', { object: 'wallet' });
    return found;
  }

  private assetOf({ network, token }: WalletBalanceView): RegisteredAsset | undefined {
    return this.core.ports.assets.find(network, token);
  }
}

const renderBalance = (it: WalletBalanceView): object => ({
  network: it.network,
  onChainUSDC: formatDecimal('USD6', it.onChain < 0n ? 0n : it.onChain),
  committedUSDC: formatDecimal('USD6', it.committed),
  availableUSDC: formatDecimal('USD6', it.available),
  block: it.block,
});

const renderPaid = (it: RecordedOperation): object => ({
  operationId: it.operationId,
  type: it.kind,
  amountUSDC: it.terms === null ? null : formatDecimal('USD6', it.charged ?? it.terms.amount),
  recipient: it.terms?.payTo ?? null,
  settled: it.settled,
  txHash: it.settlement?.txHash ?? null,
  timestamp: iso(it.openedAtMs),
});

const EXPLORERS: Readonly<Record<number, string>> = {
  1: 'https://etherscan.io',
  137: 'https://polygonscan.com',
  8453: 'https://basescan.org',
  42161: 'https://arbiscan.io',
  43114: 'https://snowscan.xyz',
  84532: 'https://sepolia.basescan.org',
  11155111: 'https://sepolia.etherscan.io',
};

/** Of the first network served; null where nobody shows that chain. */
function explorerUrl({ ports }: Pick<ApiCore, 'ports'>, address: EvmAddress): string | null {
  const [asset] = ports.assets.all();
  const explorer = asset && EXPLORERS[chainIdOf(asset.network)];
  return explorer === undefined ? null : `${explorer}/address/${address}`;
}
