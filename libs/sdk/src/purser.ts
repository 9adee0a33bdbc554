import { ApprovalCalls, BudgetCalls, QuoteCalls } from './controls.js';
import { webEnvironment, type Fetch } from './environment.js';
import { OperationCalls } from './operations.js';
import { PurchaseCalls } from './purchases.js';
import { Transport } from './transport.js';

export interface PurserOptions {
  /** Where Purser answers, such as `https://purser.example`. Never redirected from there. */
  readonly baseUrl: string;
  /** A key of Purser, or a function that gives the bearer token to use now. It goes to `baseUrl` and nowhere else. */
  readonly apiKey: string | (() => string | Promise<string>);
  /** How long one call may take, beside the time Purser is asked to wait; 30 s when absent. */
  readonly timeoutMs?: number | undefined;
  /** How often a read or a keyed call is repeated when Purser cannot be reached or is not available; 4 when absent. */
  readonly retries?: number | undefined;
  /** How Purser is reached; the global `fetch` when absent. Sellers are never asked through it. */
  readonly fetch?: Fetch | undefined;
}

/** A client of one Purser, for one credential. Holds no connection and no timer of its own. */
export class Purser {
  readonly operations: OperationCalls;
  readonly purchases: PurchaseCalls;
  readonly approvals: ApprovalCalls;
  readonly budgets: BudgetCalls;
  readonly quotes: QuoteCalls;
  /** What the calls are made through. */
  readonly transport: Transport;

  /** @throws PurserError `invalid_argument` for an address that is none */
  constructor({ baseUrl, apiKey, timeoutMs = 30_000, retries = 4, fetch }: PurserOptions) {
    const environment = fetch ? { ...webEnvironment, fetch } : webEnvironment;
    this.transport = new Transport({ baseUrl, apiKey, timeoutMs, retries, environment });
    this.operations = new OperationCalls(this.transport);
    this.purchases = new PurchaseCalls(this.transport, this.operations);
    this.approvals = new ApprovalCalls(this.transport);
    this.budgets = new BudgetCalls(this.transport);
    this.quotes = new QuoteCalls(this.transport);
  }
}
