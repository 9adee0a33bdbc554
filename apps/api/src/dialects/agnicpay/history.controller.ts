import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { formatDecimal, refuse, type Caip2 } from '#domain';
import type { Principal } from '#engine';
import { networkOf, v1NameOf } from '#x402';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { agentOf } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { CORE } from '../../tokens.js';
import { BalanceQuery, TransactionsQuery } from './agnicpay.dto.js';
import { agnicpay } from './dialect.js';
import { usdNumber } from './errors.js';
import { renderTransaction } from './render.js';

@ApiTags('AgnicPay')
@Speaks(agnicpay)
@Controller('api')
export class AgnicPayHistoryController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get('balance')
  @Roles('agent')
  @ApiOperation({ summary: 'What the token pays from, on one network' })
  @Answer(200, 'AgnicBalance')
  @Errors('AgnicError', 400, 401, 403, 429)
  async balance(@Caller() caller: Principal, @Query() query: BalanceQuery): Promise<object> {
    const { workspaceId, agentId } = agentOf(caller);
    const network = query.network === undefined ? this.usualNetwork() : this.served(query.network);
    const { ports, admin, reads } = this.core;
    const paying = await ports.policies.walletFor(workspaceId, agentId, network);
    const wallet = paying && (await admin.wallets.get(workspaceId, paying.walletId));
    const dollars = new Set(
      ports.assets.all().flatMap((it) => (it.network === network && it.unit === 'USD6' ? [it.token] : [])),
    );
    const rows = paying
      ? (await reads.balances(workspaceId, { agentId, walletId: paying.walletId })).wallets
      : [];
    const held = rows.filter((it) => it.network === network && dollars.has(it.token));
    const sum = (of: 'onChain' | 'available'): string =>
      formatDecimal(
        'USD6',
        held.reduce((total, it) => total + it[of], 0n),
      );
    return {
      usdcBalance: sum('onChain'),
      creditBalance: formatDecimal('USD6', 0n),
      totalBalance: sum('onChain'),
      availableBalance: sum('available'),
      // No address before the backup of its key is confirmed: nothing can be sent there (ruling 30).
      address: wallet === undefined || wallet.backupConfirmedAtMs === null ? null : wallet.address,
      hasWallet: wallet !== undefined,
      network: query.network ?? v1NameOf(network) ?? network,
      chainType: 'ethereum',
    };
  }

  @Get('transactions')
  @Roles('agent')
  @ApiOperation({ summary: "The token's payments, newest first" })
  @Answer(200, 'AgnicTransactions')
  @Errors('AgnicError', 400, 401, 403, 429)
  async transactions(@Caller() caller: Principal, @Query() query: TransactionsQuery): Promise<object> {
    const { workspaceId, agentId } = agentOf(caller);
    const at = { page: Number(query.page ?? 1), limit: Number(query.limit ?? 20) };
    const { status, search, network, startDate, endDate } = query;
    const filter = {
      agentId,
      ...(status === undefined ? {} : { outcome: status }),
      ...(search === undefined || search === '' ? {} : { search }),
      ...(network === undefined ? {} : { network: this.served(network) }),
      ...(startDate === undefined ? {} : { fromMs: timeOf('startDate', startDate, '00:00:00.000') }),
      ...(endDate === undefined ? {} : { toMs: timeOf('endDate', endDate, '23:59:59.999') }),
    };
    const found = await this.core.reads.transactions(workspaceId, filter, at);
    const ended = found.succeeded + found.failed;
    return {
      transactions: found.items.map(renderTransaction),
      pagination: {
        currentPage: at.page,
        totalPages: Math.ceil(found.total / at.limit),
        totalCount: found.total,
        limit: at.limit,
      },
      stats: {
        totalSpent: usdNumber(found.spent),
        successRate: ended === 0 ? 0 : Math.round((found.succeeded * 10_000) / ended) / 100,
        transactionCount: found.total,
      },
    };
  }

  /** Never a test network where real ones are served: a balance of nothing looks like a balance of nothing. */
  private usualNetwork(): Caip2 {
    const networks = this.core.ports.assets.all().map((it) => it.network);
    const usual = ['base', 'base-sepolia']
      .map(networkOf)
      .find((it) => it !== undefined && networks.includes(it));
    const network = usual ?? networks[0];
    if (network === undefined)
      throw refuse('validation_failed', { field: 'network', reason: 'none_is_served' });
    return network;
  }

  private served(spelling: string): Caip2 {
    const network = networkOf(spelling);
    if (network === undefined || !this.core.ports.assets.all().some((it) => it.network === network))
      throw refuse('validation_failed', {
        field: 'network',
        reason: spelling.startsWith('solana') ? 'solana_is_not_served' : 'not_served',
      });
    return network;
  }
}

/** UTC where no offset is given; a day alone is meant whole. No month is longer than it is. */
function timeOf(field: string, text: string, ofDay: string): number {
  const [day = ''] = text.split('T');
  const whole = text.includes('T') ? text : `${text}T${ofDay}`;
  const at = Date.parse(/(Z|[+-][0-9]{2}:[0-9]{2})$/.test(whole) ? whole : `${whole}Z`);
  const midnight = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(at) || Number.isNaN(midnight) || !new Date(midnight).toISOString().startsWith(day))
    throw refuse('validation_failed', { field, reason: 'not_a_date' });
  return at;
}
