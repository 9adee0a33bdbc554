// Shapes of answers about wallets and what they hold.
import {
  atomic,
  flag,
  int,
  list,
  maybeAtomic,
  maybeText,
  maybeTime,
  object,
  page,
  text,
  time,
} from '../http/openapi-words.js';

const WALLET = {
  wallet_id: text,
  agent_id: maybeText,
  role: text,
  address: text,
  label: text,
  status: text,
  origin: text,
  backup_confirmed_at: maybeTime,
  created_at: time,
};

/** Base units; `block` is where it was read, -1 before the first reading. */
const BALANCE = {
  network: text,
  token: text,
  on_chain: atomic,
  block: int,
  live: atomic,
  available: atomic,
  low_below: maybeAtomic,
  low: flag,
  permit2_allowance: maybeAtomic,
};

const FLOAT = {
  network: text,
  token: text,
  enabled: flag,
  min: atomic,
  target: atomic,
  cap_per_day: atomic,
  sent_today: atomic,
  operation_id: maybeText,
  last_operation_id: maybeText,
  problem: maybeText,
};

const SIDE = object({
  wallet_id: text,
  address: text,
  on_chain: atomic,
  live: atomic,
  available: atomic,
  available_after: atomic,
  block: int,
});

export const WALLETS = {
  PreparedTopUp: object({
    from: SIDE,
    to: SIDE,
    network: text,
    asset: text,
    amount: atomic,
    covered: flag,
    digest: text,
  }),
  Wallet: object(WALLET),
  Wallets: page('Wallet'),
  WalletWithBalances: object({ ...WALLET, balances: list(object(BALANCE)), floats: list(object(FLOAT)) }),
  DepositAddress: object({ wallet_id: text, address: text }),
  Balances: object({
    wallets: list(object({ wallet_id: text, agent_id: maybeText, address: text, ...BALANCE })),
    funds: list({ type: 'object' }),
  }),
} as const;
