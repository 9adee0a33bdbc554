import { parseEvmAddress } from '#domain';

/** Deployed at this address on every chain (multicall3.com). */
export const MULTICALL3 = parseEvmAddress('0xcA11bde05977b3631167028862bE2a173976CA11');
