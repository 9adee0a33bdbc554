import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { parseWalletId, refuse, type Caip2 } from '#domain';
import type { Principal, WalletView } from '#engine';
import { networkOf, v1NameOf } from '#x402';
import type { ApiCore } from '../../core.js';
import { Caller, Public, Roles } from '../../http/access.js';
import { agentOf } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { actorOf } from '../../native/actor.js';
import { CORE } from '../../tokens.js';
import { NewApiKeyDto, NewWalletDto } from './agentpay.dto.js';
import { agentpay } from './dialect.js';

@ApiTags('AgentPay')
@Speaks(agentpay)
@Controller()
export class AgentPayAccountsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get()
  @Public()
  @ApiOperation({ summary: 'What answers here' })
  @Answer(200, 'AgentPayRoot')
  root(): object {
    return { ok: true, service: 'agentpay-api' };
  }

  @Get('health')
  @Public()
  @ApiOperation({ summary: 'State of the parts' })
  @Answer(200, 'AgentPayHealth')
  async health(): Promise<object> {
    const { ready, parts } = await this.core.health();
    const of = (name: string): string => (parts[name]?.ok === false ? 'down' : 'ok');
    const facilitator = this.core.facilitator === null ? 'off' : of('database');
    return { ok: ready, database: of('database'), signer: of('signer'), facilitator };
  }

  @Post('api-keys')
  @Roles('admin')
  @ApiOperation({
    summary: "A new agent and its key, which is shown this once; X-Internal-Secret is an administrator's key",
  })
  @Answer(201, 'AgentPayKey')
  @Errors('AgentPayError', 400, 401, 403, 429, 503)
  async createKey(@Caller() caller: Principal, @Body() dto: NewApiKeyDto): Promise<object> {
    const { workspaceId, person } = caller;
    if (dto.key !== undefined && dto.key !== '')
      throw refuse('validation_failed', { field: 'key', reason: 'generated_only' });
    if (dto.organization_id !== undefined && dto.organization_id !== workspaceId)
      throw refuse('validation_failed', { field: 'organization_id', reason: 'not_the_workspace' });
    const { agents, keys } = this.core.admin;
    const label = dto.label === undefined || dto.label === '' ? 'agentpay' : dto.label;
    const by = actorOf(caller);
    const { agentId } = await agents.create(workspaceId, { name: label }, by);
    const { key, secret } = await keys.create(
      workspaceId,
      { role: 'agent', agentId, person, label, expiresInSec: null },
      by,
    );
    return { id: key.keyId, label, key: secret };
  }

  @Post('wallets')
  @Roles('agent')
  @ApiOperation({
    summary:
      'What the agent pays from; a wallet of its own is made when there is none. One key serves every network',
  })
  @Answer(201, 'AgentPayWallet')
  @Errors('AgentPayError', 400, 401, 403, 429, 503)
  async createWallet(@Caller() caller: Principal, @Body() dto: NewWalletDto): Promise<object> {
    const { workspaceId, agentId } = agentOf(caller);
    const network = this.servedNetwork(dto.network);
    const { admin, walletKeys } = this.core;
    const input = { agentId, label: 'agentpay' };
    const wallet =
      (await this.payingFrom(caller, network)) ??
      (await admin.wallets.create(workspaceId, input, walletKeys, actorOf(caller)));
    return renderWallet(wallet, network);
  }

  @Get('wallets/me')
  @Roles('agent')
  @ApiOperation({ summary: 'What the agent pays from, per network' })
  @Answer(200, 'AgentPayWallets')
  @Errors('AgentPayError', 401, 429)
  async listWallets(@Caller() caller: Principal): Promise<object> {
    const networks = [...new Set(this.core.ports.assets.all().map((it) => it.network))];
    const wallets = await Promise.all(
      networks.map(async (network) => ({ network, wallet: await this.payingFrom(caller, network) })),
    );
    return {
      wallets: wallets.flatMap(({ network, wallet }) =>
        wallet === null ? [] : [renderWallet(wallet, network)],
      ),
    };
  }

  @Delete('wallets/:id')
  @HttpCode(204)
  @Roles('agent')
  @ApiOperation({ summary: "Pays from the agent's own wallet no more; refused while it holds something" })
  @Errors('AgentPayError', 400, 401, 403, 404, 409, 429, 503)
  async deleteWallet(@Caller() caller: Principal, @Param('id') id: string): Promise<void> {
    const { workspaceId, agentId } = agentOf(caller);
    const walletId = parseWalletId(id);
    const { admin, reads, walletKeys } = this.core;
    const wallet = await admin.wallets.get(workspaceId, walletId);
    if (wallet.agentId !== agentId || wallet.status !== 'active')
      throw refuse('not_found', { object: 'wallet' });
    const { wallets } = await reads.balances(workspaceId, { walletId });
    if (wallets.some((it) => it.onChain > 0n || it.committed > 0n))
      throw refuse('version_conflict', { field: 'id', reason: 'wallet_not_empty' });
    await admin.wallets.retire(workspaceId, walletId, walletKeys, actorOf(caller));
  }

  /** What payments choose: its own wallet before a shared one. */
  private async payingFrom(caller: Principal, network: Caip2): Promise<WalletView | null> {
    const { workspaceId, agentId } = agentOf(caller);
    const wallet = await this.core.ports.policies.walletFor(workspaceId, agentId, network);
    return wallet === undefined ? null : this.core.admin.wallets.get(workspaceId, wallet.walletId);
  }

  private servedNetwork(spelling: string): Caip2 {
    const network = networkOf(spelling);
    if (network === undefined || !this.core.ports.assets.all().some((it) => it.network === network))
      throw refuse('validation_failed', { field: 'network', reason: 'not_served' });
    return network;
  }
}

/** No address before the backup of its key is confirmed: nothing can be sent there (ruling 30). */
function renderWallet(wallet: WalletView, network: Caip2): object {
  return {
    id: wallet.walletId,
    wallet_id: `agentpay_${wallet.walletId}`,
    network: v1NameOf(network) ?? network,
    address: wallet.backupConfirmedAtMs === null ? null : wallet.address,
  };
}
