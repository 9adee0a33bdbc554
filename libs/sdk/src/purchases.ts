import type { Operation, SubmitDto } from './api-types.js';
import { invalidArgument, PurserError } from './errors.js';
import { answered, final, notYet, type OperationCalls, type WaitOptions } from './operations.js';
import type { KeyedOptions, Transport } from './transport.js';

/** The request to the seller, and the most it may cost. */
export type PurchaseInput = Pick<
  SubmitDto,
  'method' | 'headers' | 'body' | 'body_base64' | 'expect' | 'note' | 'allow_replay' | 'timeout_ms'
> & {
  readonly url: string;
  /** Base units of the asset, such as 10000n for a cent of USDC. The ceiling: nothing is bought at any price. */
  readonly maxAmount: bigint | string;
};

export interface PurchaseOptions extends KeyedOptions {
  /** How long to wait for the outcome, approval included; two minutes when absent. `Infinity` waits for as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** Wait for a person where one has to approve; true when absent. Otherwise PurserError `approval_pending` is thrown at once. */
  readonly waitForApproval?: boolean | undefined;
  /** Told each time the operation has changed. */
  readonly onUpdate?: ((operation: Operation) => void) | undefined;
}

const WAIT_MS = 120_000;
/** Proxies cut connections that are silent for longer. */
const HELD_MS = 20_000;
/** The payment is out, and only the chain can tell whether it happens; that takes a few blocks, or the life of the authorization. */
const MAY_BECOME_KNOWN: ReadonlySet<string> = new Set(['outcome_unknown', 'seller_timeout']);

export class PurchaseCalls {
  constructor(
    private readonly transport: Transport,
    private readonly operations: OperationCalls,
  ) {}

  /** Opens a purchase and does not wait; `operations.waitFor` does. */
  submit(input: PurchaseInput, options: KeyedOptions) {
    return this.operations.submit(bodyOf(input), options);
  }

  /**
   * Buys: opens the purchase, or finds the one the key belongs to, and waits for its answer, which is in `response`.
   * The same key and input may be sent again at any time, after whatever crash: nothing is paid twice, and the answer is the same.
   * @throws PurserError when it is refused or fails, when its outcome stays unknown, or when time is up; where it is `retryable` the same call goes on
   */
  async buy(input: PurchaseInput, options: PurchaseOptions): Promise<Operation> {
    try {
      return await this.answerOf(bodyOf(input), options);
    } catch (error) {
      if (error instanceof PurserError) error.idempotencyKey = options.idempotencyKey;
      throw error;
    }
  }

  private async answerOf(body: SubmitDto, options: PurchaseOptions): Promise<Operation> {
    const { idempotencyKey, signal, timeoutMs = WAIT_MS, waitForApproval = true, onUpdate } = options;
    const { environment } = this.transport;
    const deadlineMs = environment.nowMs() + timeoutMs;
    const leftMs = (): number => Math.max(0, deadlineMs - environment.nowMs());
    let told = -1;
    const tell = (operation: Operation): void => {
      if (operation.version !== told) onUpdate?.(operation);
      told = operation.version;
    };
    const waiting = { signal, onUpdate: tell };
    for (;;) {
      // Purser holds the call until there is something to say, and at 0 would not say how an operation stands that was just opened.
      const wait_ms = Math.max(1, Math.round(Math.min(HELD_MS, leftMs())));
      let operation: Awaited<ReturnType<OperationCalls['submit']>>;
      try {
        operation = await this.operations.submit(
          { ...body, wait_ms },
          { idempotencyKey, signal, deadlineMs },
        );
      } catch (error) {
        await this.untilKnown(error, { ...waiting, timeoutMs: leftMs() });
        continue;
      }
      if (!('version' in operation)) continue;
      if (answered(operation)) return operation;
      tell(operation);
      const forPerson = operation.status === 'awaiting_approval';
      if (leftMs() === 0 || (forPerson && !waitForApproval)) throw notYet(operation, timeoutMs);
      if (forPerson)
        await this.operations.waitFor(operation.operation_id, {
          ...waiting,
          timeoutMs: leftMs(),
          until: ({ status }) => status !== 'awaiting_approval',
        });
    }
  }

  /** Comes back once the chain has told what became of a payment. @throws the problem itself, when it is another one or time is up */
  private async untilKnown(problem: unknown, options: WaitOptions & { readonly timeoutMs: number }) {
    const operation =
      problem instanceof PurserError && MAY_BECOME_KNOWN.has(problem.code) && problem.operation;
    if (!operation || decided(operation) || options.timeoutMs === 0) throw problem;
    try {
      await this.operations.waitFor(operation.operation_id, { ...options, until: decided });
    } catch (error) {
      throw error instanceof PurserError && error.code === 'timeout' && error.operation ? problem : error;
    }
  }
}

const decided = (operation: Operation): boolean =>
  operation.settled || final(operation) || operation.status === 'needs_attention';

function bodyOf({ maxAmount, ...input }: PurchaseInput): SubmitDto {
  const text = String(maxAmount);
  if (!/^(0|[1-9][0-9]{0,77})$/.test(text))
    throw invalidArgument('maxAmount must be a whole number of base units, not below 0');
  return { kind: 'purchase', ...input, max_amount: text };
}
