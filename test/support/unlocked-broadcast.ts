// Broadcasts a payment that somebody was shown, with the node's own unlocked account: quick, and without a key.
import { encodeFunctionData, parseAbi, type Hex } from 'viem';

export interface ShownPayment {
  readonly authorization: {
    readonly from: Hex;
    readonly to: Hex;
    readonly value: string;
    readonly validAfter: string;
    readonly validBefore: string;
    readonly nonce: Hex;
  };
  readonly signature: Hex;
}

const ABI = parseAbi([
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
]);

/** The transaction's hash once it is in a block; null when it failed there, or never came. */
export type Broadcast = (payment: ShownPayment) => Promise<Hex | null>;

/** `rpcUrl` is read late: whoever broadcasts is often there before the node. */
export function unlockedBroadcast(rpcUrl: () => string, token: Hex): Broadcast {
  let sends: Promise<unknown> = Promise.resolve();
  return async ({ authorization, signature }) => {
    const { from, to, value, validAfter, validBefore, nonce } = authorization;
    const times = [BigInt(validAfter), BigInt(validBefore)] as const;
    const args = [from, to, BigInt(value), ...times, nonce, signature] as const;
    const data = encodeFunctionData({ abi: ABI, functionName: 'transferWithAuthorization', args });
    const [account] = await rpc<Hex[]>(rpcUrl(), 'eth_accounts', []);
    // One after another: the node picks the account nonce, and two at once may get the same.
    const transaction = { from: account, to: token, data, gas: '0x30d40' };
    const sending = sends.then(() => rpc<Hex>(rpcUrl(), 'eth_sendTransaction', [transaction]));
    sends = sending.catch(() => undefined);
    const hash = await sending;
    for (let looks = 0; looks < 600; looks += 1) {
      const receipt = await rpc<{ status: Hex } | null>(rpcUrl(), 'eth_getTransactionReceipt', [hash]);
      if (receipt) return receipt.status === '0x1' ? hash : null;
      await new Promise((done) => setTimeout(done, 10));
    }
    return null;
  };
}

async function rpc<T>(url: string, method: string, params: readonly unknown[]): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const answer = (await response.json()) as { result?: T; error?: { message: string } };
  if (answer.error) throw new Error(answer.error.message);
  return answer.result as T;
}
