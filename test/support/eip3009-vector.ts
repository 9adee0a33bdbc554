// A development key, the two tokens, and the transfer whose digest and signature are published.
import { parseEvmAddress, parseHex32 } from '#domain';
import type { TransferTuple } from '#evm';

// The third well-known development key of local EVM nodes (x402.md 4.4).
export const DEV_KEY = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a';
export const DEV_ADDRESS = parseEvmAddress('0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC');
export const BASE_SEPOLIA_USDC = parseEvmAddress('0x036CbD53842c5426634e7929541eC2318f3dCF7e');
export const BASE_USDC = parseEvmAddress('0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913');

export const VECTOR: TransferTuple = {
  from: DEV_ADDRESS,
  to: parseEvmAddress('0x90F79bf6EB2c4f870365E785982E1f101E93b906'),
  value: 10_000n,
  validAfterSec: 0,
  validBeforeSec: 1_900_000_000,
  nonce: parseHex32(`0x${'11'.repeat(32)}`),
};
