// Approvals, budgets and quotes.
import type {
  AnyApproval,
  ApproveDto,
  Approvals,
  Budget,
  ChangeRequest,
  NewQuoteDto,
  PutBudgetDto,
  Quote,
  RejectDto,
  Routes,
} from './api-types.js';
import type { PageOptions } from './operations.js';
import { everyItem } from './paging.js';
import type { CallOptions, Transport } from './transport.js';

export type ApprovalFilter = Omit<Routes['GET /purser/v1/approvals']['query'], 'cursor' | 'limit'>;

export class ApprovalCalls {
  constructor(private readonly transport: Transport) {}

  /** Payments, and changes that need a second person; newest first. */
  list(filter: ApprovalFilter = {}, options: CallOptions = {}): AsyncGenerator<AnyApproval, void, undefined> {
    return everyItem((cursor) => this.page(filter, { ...options, cursor }));
  }

  page(filter: ApprovalFilter = {}, { signal, cursor, limit }: PageOptions = {}): Promise<Approvals> {
    const query = { ...filter, cursor, limit: limit?.toString() };
    return this.transport.call('GET /purser/v1/approvals', { query, signal });
  }

  get(id: string, { signal }: CallOptions = {}): Promise<AnyApproval> {
    return this.transport.call('GET /purser/v1/approvals/{id}', { id, signal });
  }

  /** Approves exactly the terms behind the digest of the approval that was looked at. @throws PurserError `approval_digest_mismatch` */
  approve(id: string, input: ApproveDto, { signal }: CallOptions = {}): Promise<AnyApproval> {
    return this.transport.call('POST /purser/v1/approvals/{id}/approve', { id, body: input, signal });
  }

  /** One rejection is enough. */
  reject(id: string, input: RejectDto, { signal }: CallOptions = {}): Promise<AnyApproval> {
    return this.transport.call('POST /purser/v1/approvals/{id}/reject', { id, body: input, signal });
  }
}

export class BudgetCalls {
  constructor(private readonly transport: Transport) {}

  async ofWorkspace({ signal }: CallOptions = {}): Promise<Budget[]> {
    return (await this.transport.call('GET /purser/v1/workspace/budgets', { signal })).items;
  }

  async ofAgent(id: string, { signal }: CallOptions = {}): Promise<Budget[]> {
    return (await this.transport.call('GET /purser/v1/agents/{id}/budgets', { id, signal })).items;
  }

  /** Replaces the limits in one unit; what is spent and held stays. With dual control a raise comes back as a change that waits for a second person. */
  setOfWorkspace(input: PutBudgetDto, { signal }: CallOptions = {}): Promise<Budget | ChangeRequest> {
    return this.transport.call('PUT /purser/v1/workspace/budgets', { body: input, signal });
  }

  setOfAgent(id: string, input: PutBudgetDto, { signal }: CallOptions = {}): Promise<Budget | ChangeRequest> {
    return this.transport.call('PUT /purser/v1/agents/{id}/budgets', { id, body: input, signal });
  }
}

export class QuoteCalls {
  constructor(private readonly transport: Transport) {}

  /** What it would cost, and what policy says; spends and stores nothing. */
  ask(input: NewQuoteDto, { signal }: CallOptions = {}): Promise<Quote> {
    return this.transport.call('POST /purser/v1/quotes', { body: input, signal });
  }
}
