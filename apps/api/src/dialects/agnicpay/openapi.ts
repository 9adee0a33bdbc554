// Shapes of AgnicPay's answers.
import { flag, int, list, maybeText, maybeTime, object, ref, text, time } from '../../http/openapi-words.js';

const number = { type: 'number' } as const;
const maybeNumber = { type: ['number', 'null'] } as const;
const TOKEN = {
  id: text,
  name: text,
  prefix: text,
  agentId: text,
  status: { type: 'string', enum: ['active', 'revoked'] },
  createdAt: time,
  expiresAt: maybeTime,
  lastUsedAt: maybeTime,
  maxPerTransaction: maybeNumber,
  dailyLimit: maybeNumber,
  monthlyLimit: maybeNumber,
  dailyUsed: number,
  monthlyUsed: number,
};

export const AGNICPAY = {
  AgnicError: object({
    success: { const: false },
    error: text,
    error_description: text,
    message: text,
    code: text,
    suggestion: ref('Suggestion'),
    'limit?': text,
    'current?': number,
    'requested?': number,
    'max?': number,
    'details?': { type: 'object' },
    'operationId?': text,
    'retryWith?': maybeText,
  }),
  AgnicSignature: object({
    success: { const: true },
    paymentHeader: text,
    header: text,
    amountPaid: number,
    network: text,
    scheme: text,
    operationId: text,
  }),
  AgnicPending: object({
    status: { type: 'string', enum: ['pending_approval', 'pending'] },
    'approvalId?': text,
    'expiresAt?': time,
    operationId: text,
  }),
  /** What the seller answered. `x-agnic-paid` stands beside it, and beside nothing of ours. */
  AgnicUpstream: { description: "the seller's answer, with its status and content type, and x-agnic-paid" },
  AgnicFetchError: { anyOf: [ref('AgnicError'), ref('AgnicUpstream')] },
  AgnicBalance: object({
    usdcBalance: text,
    creditBalance: text,
    totalBalance: text,
    availableBalance: text,
    address: maybeText,
    hasWallet: flag,
    network: text,
    chainType: { const: 'ethereum' },
  }),
  AgnicTransactions: object({
    transactions: list(
      object({
        id: text,
        amount_usd: number,
        network: maybeText,
        endpoint: text,
        timestamp: time,
        status: { type: 'string', enum: ['success', 'failed', 'pending'] },
        scheme: maybeText,
        tx_hash: maybeText,
        pay_to: maybeText,
        settled: flag,
        error: maybeText,
      }),
    ),
    pagination: object({ currentPage: int, totalPages: int, totalCount: int, limit: int }),
    stats: object({ totalSpent: number, successRate: number, transactionCount: int }),
  }),
  AgnicTokens: object({ tokens: list(object(TOKEN)), nextCursor: maybeText }),
  AgnicNewToken: object({ success: { const: true }, token: text, ...TOKEN }),
  AgnicRevoked: object({ success: { const: true }, id: text, revokedAt: time }),
} as const;
