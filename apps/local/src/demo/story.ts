import { randomBytes } from 'node:crypto';
import type { Hex } from 'viem';
import { chainClients, LOCAL_TOKEN, usdcAbi } from '../chain.js';
import type { StackFile } from '../stack/stack-file.js';
import { adminCaller, agentCaller, approverCaller, must, type Answer, type Caller } from './client.js';
import { hireAgent } from './agent.js';
import { detail, dollars, heading, line } from './terminal.js';

/** What `--once` prints last. */
export interface Outcome {
  readonly ok: boolean;
  readonly operations: readonly Told[];
  /** Transfers out of the wallet during the story, counted from the chain's own logs. */
  readonly charges: number;
  readonly balances: unknown;
}

interface Told {
  readonly id: string;
  readonly status: string;
  readonly settled: boolean;
  readonly transaction: Hex | null;
}

interface Quote {
  readonly supported: boolean;
  readonly x402_required: boolean;
  readonly price: { readonly amount: string } | null;
}

interface Purchase {
  readonly operation_id: string;
  readonly status: string;
  readonly settled?: boolean;
  readonly seller_accepted?: boolean | null;
  readonly approval_id?: string;
  readonly expires_at?: string;
  readonly error?: { readonly code: string; readonly message: string };
}

interface Operation {
  readonly operation: {
    readonly id: string;
    readonly status: string;
    readonly error: { readonly code: string } | null;
    readonly onchain?: { readonly tx_hash: Hex | null } | null;
  };
}

interface Approval {
  readonly digest: string;
  readonly host: string;
  readonly payee: string;
  readonly amount_decimal: string;
  readonly requester: string;
}

interface EventList {
  readonly items: readonly {
    readonly version: number;
    readonly type: string;
    readonly occurred_at: string;
  }[];
}

/** The story's budget: enough for the weather and one report, not for two reports. */
const DAY_BUDGET_ATOMIC = 400_000n;
const POLL_MS = 250;
const PATIENCE_MS = 60_000;

class Story {
  private readonly expectations: boolean[] = [];
  readonly operationIds: string[] = [];
  private readonly run = randomBytes(4).toString('hex');

  constructor(
    private readonly stack: StackFile,
    private readonly agent: Caller,
    private readonly approver: Caller,
  ) {}

  get ok(): boolean {
    return this.expectations.every(Boolean);
  }

  expect(held: boolean, complaint: string): void {
    this.expectations.push(held);
    if (!held) line(`!! ${complaint}`);
  }

  async quote(): Promise<void> {
    heading('1. What does it cost?');
    const url = `${this.stack.sellers.v2.url}/weather`;
    const { body } = await this.agent<Quote>('POST', '/v1/agent/x402/quote', {
      body: { url, method: 'GET' },
    });
    line(`${url} costs ${dollars(BigInt(body.price?.amount ?? 0))}; nothing was signed or spent`);
    this.expect(body.x402_required && body.price?.amount === '10000', 'the quote is not one cent');
  }

  async buyTwice(): Promise<string> {
    heading('2. Buy it');
    const first = await this.purchase('weather', 'weather', '10000');
    const told = await this.lookUp(first.body.operation_id);
    line(`HTTP ${first.status}, operation ${told.id}, settled: ${String(first.body.settled)}`);
    detail(`transaction ${told.transaction ?? 'not seen'}`);
    this.expect(first.status === 200 && first.body.settled === true, 'the purchase did not settle');

    heading('3. The answer got lost? Ask again with the same key');
    const again = await this.purchase('weather', 'weather', '10000');
    const same = again.body.operation_id === first.body.operation_id;
    const replayed = again.headers.get('x-idempotency-replayed') === 'true';
    line(
      `HTTP ${again.status}, ${same ? 'the same operation' : 'ANOTHER operation'}, replayed: ${String(replayed)}`,
    );
    this.expect(same && replayed, 'the repeat was not taken for a repeat');
    return first.body.operation_id;
  }

  async buyWithApproval(): Promise<void> {
    heading('4. A larger purchase needs a second person');
    const asked = await this.purchase('report', 'report', '250000');
    line(
      `HTTP ${asked.status}, operation ${asked.body.operation_id} waits for approval ${asked.body.approval_id ?? '-'}`,
    );
    this.expect(asked.status === 202 && asked.body.approval_id !== undefined, 'no approval was asked for');
    const path = `/purser/v1/approvals/${asked.body.approval_id ?? ''}`;
    const { body: facts } = await this.approver<Approval>('GET', path);
    line(
      `the approver sees: ${facts.amount_decimal} USDC to ${facts.payee} at ${facts.host}, asked by ${facts.requester}`,
    );
    const approved = await this.approver('POST', `${path}/approve`, { body: { digest: facts.digest } });
    line(`approved (HTTP ${approved.status}); the agent polls its operation`);
    const told = await this.waitUntilFinal(asked.body.operation_id);
    line(`operation ${told.id}: ${told.status}`);
    detail(`transaction ${told.transaction ?? 'not seen'}`);
    this.expect(told.settled, 'the approved purchase did not settle');
  }

  async payBothWays(admin: Caller, agentId: string): Promise<void> {
    heading('5. A seller that has Purser for its facilitator, paid both ways');
    const { url } = this.stack.sellers.facilitated;
    const usual = await this.purchase('usual', 'weather', '10000', url);
    line(`it settles itself, after it has made the goods: HTTP ${usual.status}`);
    // The same seller under its other name, which the admin calls prepaid for this agent.
    const prepaidUrl = url.replace('127.0.0.1', 'localhost');
    const path = `/purser/v1/agents/${agentId}/policy`;
    await must(admin('PUT', path, { body: { prepaid_hosts: ['localhost'] } }));
    const prepaid = await this.purchase('prepaid', 'weather', '10000', prepaidUrl);
    const { items } = (
      await this.agent<EventList>('GET', `/purser/v1/operations/${prepaid.body.operation_id}/events`)
    ).body;
    const types = items.map(({ type }) => type);
    const paidFirst =
      types.includes('SettlementObserved') &&
      types.indexOf('SettlementObserved') < types.indexOf('ResourceDelivered');
    line(`prepaid, on chain before it is asked for the goods: HTTP ${prepaid.status}`);
    for (const { status, body } of [usual, prepaid])
      this.expect(
        status === 200 && body.settled === true && body.seller_accepted === true,
        'a seller was not paid',
      );
    this.expect(paidFirst, 'the prepaid seller was asked before it was paid');
  }

  async exceedBudget(): Promise<void> {
    heading(`6. The agent may spend ${dollars(DAY_BUDGET_ATOMIC)} a day; a second report is too much`);
    const refused = await this.purchase('second-report', 'report', '250000');
    line(
      `HTTP ${refused.status}, ${refused.body.error?.code ?? 'no error'}: ${refused.body.error?.message ?? ''}`,
    );
    this.expect(refused.status === 403, 'the purchase above the budget was not refused');
  }

  async balances(): Promise<unknown> {
    heading('7. What is left');
    const { body } = await this.agent<{ items: readonly { asset_symbol: string; amount: string }[] }>(
      'GET',
      '/v1/agent/balances',
    );
    for (const { asset_symbol: symbol, amount } of body.items) line(`${amount} ${symbol}`);
    return body.items;
  }

  async events(operationId: string): Promise<void> {
    heading('8. Everything that happened to the first purchase');
    const { body } = await this.agent<EventList>('GET', `/purser/v1/operations/${operationId}/events`);
    for (const event of body.items)
      line(`${String(event.version).padStart(2)}  ${event.occurred_at}  ${event.type}`);
    this.expect(body.items.length > 0, 'the operation has no events');
  }

  async lookUp(operationId: string): Promise<Told> {
    const path = `/v1/agent/operations/${operationId}?include=onchain`;
    const { operation } = (await this.agent<Operation>('GET', path)).body;
    const transaction = operation.onchain?.tx_hash ?? null;
    return { id: operation.id, status: operation.status, settled: transaction !== null, transaction };
  }

  private async purchase(
    key: string,
    path: string,
    maxAmount: string,
    seller = this.stack.sellers.v2.url,
  ): Promise<Answer<Purchase>> {
    const answer = await this.agent<Purchase>('POST', '/v1/agent/x402/purchase', {
      key: `story-${this.run}-${key}`,
      body: { url: `${seller}/${path}`, method: 'GET', max_amount: maxAmount },
    });
    const id = answer.body.operation_id;
    if (id !== undefined && !this.operationIds.includes(id)) this.operationIds.push(id);
    return answer;
  }

  /** How it ended; what was paid is waited for until it is final. */
  async outcomeOf(operationId: string): Promise<Told> {
    const told = await this.lookUp(operationId);
    return told.settled ? this.waitUntilFinal(operationId) : told;
  }

  /** Until the payment is final on chain, a few blocks after it was seen. */
  async waitUntilFinal(operationId: string): Promise<Told> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const told = await this.lookUp(operationId);
      if (told.status === 'executed' || Date.now() > deadline) return told;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

/** Tells the story against a running stack. It can be told again and again: each time with an agent of its own. */
export async function tellStory(stack: StackFile): Promise<Outcome> {
  const { reader } = chainClients(stack.rpcUrl);
  const fromBlock = (await reader.getBlockNumber()) + 1n;
  const hired = await hireAgent(stack, DAY_BUDGET_ATOMIC);
  const story = new Story(stack, agentCaller(stack.apiUrl, hired), approverCaller(stack));
  await story.quote();
  const first = await story.buyTwice();
  await story.buyWithApproval();
  await story.payBothWays(adminCaller(stack.apiUrl, stack.adminKey), hired.id);
  await story.exceedBudget();
  const balances = await story.balances();
  await story.events(first);
  const transfers = await reader.getContractEvents({
    address: LOCAL_TOKEN,
    abi: usdcAbi,
    eventName: 'Transfer',
    args: { from: stack.walletAddress },
    fromBlock,
  });
  heading(`The chain counts ${transfers.length} payments for ${story.operationIds.length} operations`);
  story.expect(transfers.length === 4, 'four purchases must be four charges');
  line('waiting until all are final, two blocks deep ...');
  const operations = await Promise.all(story.operationIds.map((id) => story.outcomeOf(id)));
  for (const { id, status } of operations) detail(`${id}  ${status}`);
  return { ok: story.ok, operations, charges: transfers.length, balances };
}
