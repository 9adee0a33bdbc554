// Contracts that are at the same address on every chain (x402.md 4.2 and 5).
import { parseEvmAddress, type EvmAddress } from './ids.js';
import type { TransferMethod } from './operation/terms.js';

export const PERMIT2 = parseEvmAddress('0x000000000022D473030F116dDEE9F6B43aC78BA3');
export const EXACT_PROXY = parseEvmAddress('0x402085c248EeA27D92E8b30b2C58ed07f9E20001');
export const UPTO_PROXY = parseEvmAddress('0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002');

export type PermitMethod = Exclude<TransferMethod, 'eip3009'>;

/** Who alone may use what is signed by that method. */
export const PROXY_OF: Readonly<Record<PermitMethod, EvmAddress>> = {
  permit2: EXACT_PROXY,
  upto: UPTO_PROXY,
};
