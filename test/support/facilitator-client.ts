// A seller who asks the facilitator over HTTP. Every answer is held against the API's own description.
import { expect } from 'vitest';
import type { SignedTransfer, TransferKey } from '#engine';
import { readFacilitatorRequest } from '#x402';
import { facilitatorBody, type PaymentInput, type Spoil } from './facilitator-requests.js';
import { MemoryApi, type Call, type Reply } from './memory-api.js';
import { faultsOf, type Description } from './openapi-check.js';

export const VERIFY = '/facilitator/verify';
export const SETTLE = '/facilitator/settle';

export class FacilitatorClient {
  private constructor(
    readonly api: MemoryApi,
    private readonly description: Description,
  ) {}

  static async start(...options: Parameters<typeof MemoryApi.start>): Promise<FacilitatorClient> {
    const api = await MemoryApi.start(...options);
    const { body } = await api.call({ path: '/openapi.json' });
    return new FacilitatorClient(api, body as Description);
  }

  /** Number of transfers that were claimed. */
  get claims(): number {
    return this.api.facilitator.desk.rows.size;
  }

  async post(path: string, body: unknown, more: Partial<Call> = {}): Promise<Reply> {
    const call = { method: 'POST', path, as: 'seller', body, ...more } as const;
    return this.described(call, await this.api.call(call));
  }

  async get(path: string, as = 'seller'): Promise<Reply> {
    return this.described({ path }, await this.api.call({ path, as }));
  }

  verify(input?: PaymentInput, change?: Spoil, more?: Partial<Call>): Promise<Reply> {
    return this.post(VERIFY, facilitatorBody(input, change), more);
  }

  settle(input?: PaymentInput, change?: Spoil, more?: Partial<Call>): Promise<Reply> {
    return this.post(SETTLE, facilitatorBody(input, change), more);
  }

  private described(call: Call, reply: Reply): Reply {
    expect(faultsOf(this.description, call, reply)).toEqual([]);
    return reply;
  }
}

/** What such a request asks to be settled. */
export function signedOf(input: PaymentInput = {}): SignedTransfer {
  const read = readFacilitatorRequest(facilitatorBody(input));
  if (!read.ok) throw new Error(read.reason);
  return read.request.transfer;
}

/** What the desk knows the payment of such a request by. */
export const transferOf = (input: PaymentInput = {}): TransferKey => signedOf(input);
