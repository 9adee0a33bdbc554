import {
  createPublicClient,
  createTestClient,
  createWalletClient,
  defineChain,
  http,
  parseAbi,
  type Address,
  type Hex,
} from 'viem';
import { readArtifact, readMulticall3 } from './contracts/artifacts.js';
import { LOCAL_CHAIN_ID, rpc } from './services/anvil.js';

/** Where Base Sepolia keeps USDC: the local token sits there so that its EIP-712 domain is the public one. */
export const LOCAL_TOKEN: Address = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';
export const LOCAL_NETWORK = `eip155:${LOCAL_CHAIN_ID}` as const;
export const PERMIT2: Address = '0x000000000022D473030F116dDEE9F6B43aC78BA3';
export const EXACT_PERMIT2_PROXY: Address = '0x402085c248EeA27D92E8b30b2C58ed07f9E20001';
export const UPTO_PERMIT2_PROXY: Address = '0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002';
const MULTICALL3: Address = '0xcA11bde05977b3631167028862bE2a173976CA11';
/** Mints and pauses; nobody holds its key, the local node acts for it. */
export const TOKEN_OWNER: Address = '0x0000000000000000000000000000000000a11ce5';

export const usdcAbi = parseAbi([
  'function DOMAIN_SEPARATOR() view returns (bytes32)',
  'function name() view returns (string)',
  'function version() view returns (string)',
  'function decimals() view returns (uint8)',
  'function owner() view returns (address)',
  'function totalSupply() view returns (uint256)',
  'function balanceOf(address account) view returns (uint256)',
  'function allowance(address owner, address spender) view returns (uint256)',
  'function nonces(address owner) view returns (uint256)',
  'function authorizationState(address authorizer, bytes32 nonce) view returns (bool)',
  'function transfer(address to, uint256 value) returns (bool)',
  'function transferFrom(address from, address to, uint256 value) returns (bool)',
  'function approve(address spender, uint256 value) returns (bool)',
  'function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)',
  'function permit(address owner, address spender, uint256 value, uint256 deadline, bytes signature)',
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)',
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
  'function receiveWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)',
  'function receiveWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
  'function cancelAuthorization(address authorizer, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)',
  'function cancelAuthorization(address authorizer, bytes32 nonce, bytes signature)',
  'function mint(address to, uint256 amount) returns (bool)',
  'function pause()',
  'function unpause()',
  'function blacklist(address account)',
  'function unBlacklist(address account)',
  'event Transfer(address indexed from, address indexed to, uint256 value)',
  'event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce)',
  'event AuthorizationCanceled(address indexed authorizer, bytes32 indexed nonce)',
]);

/** The local chain for viem. Receipts are polled often: without a block time viem would look every 4 s. */
export const localChain = (rpcUrl: string) =>
  defineChain({
    id: LOCAL_CHAIN_ID,
    name: 'Purser local',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
    contracts: { multicall3: { address: MULTICALL3 } },
  });

export const POLLING_INTERVAL_MS = 20;

/** viem clients on the local chain: reading, the node's test methods, and sending in any account's name. */
export function chainClients(rpcUrl: string) {
  const shared = { chain: localChain(rpcUrl), transport: http(rpcUrl), pollingInterval: POLLING_INTERVAL_MS };
  return {
    reader: createPublicClient(shared),
    node: createTestClient({ ...shared, mode: 'anvil' }),
    wallet: createWalletClient(shared),
  };
}

/** Plants test USDC, Multicall3, and what stands in for Permit2 and its x402 proxies. Repeating it, also on a restored chain, changes nothing. */
export async function prepareChain(rpcUrl: string): Promise<void> {
  const { reader, node } = chainClients(rpcUrl);
  const chainId = await reader.getChainId();
  if (chainId !== LOCAL_CHAIN_ID) {
    throw new Error(`expected a local node on chain ${LOCAL_CHAIN_ID}, found ${chainId}`);
  }
  const code: readonly [Address, Hex][] = [
    [LOCAL_TOKEN, readArtifact('TestUSDC').runtime],
    [MULTICALL3, readMulticall3().runtime],
    [PERMIT2, readArtifact('TestPermit2').runtime],
    [EXACT_PERMIT2_PROXY, readArtifact('TestExactPermit2Proxy').runtime],
    [UPTO_PERMIT2_PROXY, readArtifact('TestUptoPermit2Proxy').runtime],
  ];
  for (const [address, bytecode] of code) {
    if ((await reader.getCode({ address })) === bytecode) continue;
    await node.setCode({ address, bytecode });
  }
  const owner = `0x${TOKEN_OWNER.slice(2).padStart(64, '0')}` as const;
  await node.setStorageAt({ address: LOCAL_TOKEN, index: 0, value: owner });
}

/** Makes test USDC out of nothing and waits until it is there. `amountAtomic` is in millionths of a dollar. */
export async function mintUsdc(rpcUrl: string, to: Address, amountAtomic: bigint): Promise<Hex> {
  return asTokenOwner(rpcUrl, (clients) =>
    clients.wallet.writeContract({
      address: LOCAL_TOKEN,
      abi: usdcAbi,
      functionName: 'mint',
      args: [to, amountAtomic],
      account: TOKEN_OWNER,
      gas: 200_000n,
    }),
  );
}

/**
 * Sends one transaction as the token's owner (`mint`, `pause`, `blacklist`...) and waits for its success. One after the other: the node
 * numbers an account's transactions itself, and gives two that arrive at once the same number, of which one is lost.
 */
export async function asTokenOwner(
  rpcUrl: string,
  send: (clients: ReturnType<typeof chainClients>) => Promise<Hex>,
): Promise<Hex> {
  const turn = (ownerTurns.get(rpcUrl) ?? Promise.resolve()).then(() => sendAsTokenOwner(rpcUrl, send));
  ownerTurns.set(
    rpcUrl,
    turn.catch(() => undefined),
  );
  return turn;
}

const ownerTurns = new Map<string, Promise<unknown>>();

async function sendAsTokenOwner(
  rpcUrl: string,
  send: (clients: ReturnType<typeof chainClients>) => Promise<Hex>,
): Promise<Hex> {
  const clients = chainClients(rpcUrl);
  await clients.node.impersonateAccount({ address: TOKEN_OWNER });
  await fundGas(rpcUrl, TOKEN_OWNER);
  const hash = await send(clients);
  const receipt = await clients.reader.waitForTransactionReceipt({ hash });
  if (receipt.status !== 'success') throw new Error(`the token owner's transaction ${hash} was reverted`);
  return hash;
}

/** Gives an account ether for gas. */
export async function fundGas(rpcUrl: string, address: Address, ether = 100n): Promise<void> {
  await rpc(rpcUrl, 'anvil_setBalance', [address, `0x${(ether * 10n ** 18n).toString(16)}`]);
}

/** Test USDC of an account at the latest block. */
export async function usdcBalance(rpcUrl: string, account: Address): Promise<bigint> {
  const { reader } = chainClients(rpcUrl);
  return reader.readContract({
    address: LOCAL_TOKEN,
    abi: usdcAbi,
    functionName: 'balanceOf',
    args: [account],
  });
}
