// Shapes of AgentPay's answers.
import { flag, list, maybeText, object, ref, text, time } from '../../http/openapi-words.js';

const WALLET = { id: text, wallet_id: text, network: text, address: maybeText };

export const AGENTPAY = {
  AgentPayError: object({
    error: text,
    code: text,
    suggestion: ref('Suggestion'),
    'details?': { type: 'object' },
    'facilitator?': object({ isValid: { const: false }, invalidReason: text }),
    'upgradeUrl?': maybeText,
    'operationId?': text,
    'retryWith?': text,
  }),
  AgentPaySignature: object({
    paymentSignature: text,
    settled: flag,
    transaction: text,
    header: text,
    operationId: text,
  }),
  AgentPayPending: object({
    status: { type: 'string', enum: ['pending_approval', 'pending'] },
    'approvalId?': text,
    'expiresAt?': time,
    operationId: text,
  }),
  AgentPaySpend: object({
    events: list(
      object({
        id: text,
        amount: text,
        currency: text,
        request_url: text,
        created_at: time,
        settled: flag,
        transaction: text,
      }),
    ),
  }),
  AgentPayRoot: object({ ok: { const: true }, service: { const: 'agentpay-api' } }),
  AgentPayHealth: object({ ok: flag, database: text, signer: text, facilitator: text }),
  AgentPayKey: object({ id: text, label: text, key: text }),
  AgentPayWallet: object(WALLET),
  AgentPayWallets: object({ wallets: list(object(WALLET)) }),
} as const;
