// An RPC in front of a real node that can be away, slow, behind, on another chain, or say what is not so.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Call {
  readonly id: unknown;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** What it says instead; undefined: what the node says. May change the node's own answer. */
export type Lie = (
  params: readonly unknown[],
  truth: () => Promise<Record<string, unknown> | null>,
) => unknown;

export interface FalseRpc {
  readonly url: string;
  /** By method. An Error is told as the node's refusal. */
  readonly lies: Map<string, Lie>;
  /** Methods that arrived, in order. */
  readonly heard: string[];
  mode: 'up' | 'away' | 'silent';
  /** The node behind it. */
  node: string;
  /** Knows nothing after the block it has now. */
  freeze(): Promise<void>;
  thaw(): void;
  close(): void;
}

export async function startFalseRpc(node: string): Promise<FalseRpc> {
  let frozenAt: number | null = null;
  const ask = async (method: string, params: readonly unknown[]): Promise<Record<string, unknown>> => {
    const response = await fetch(rpc.node, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    return (await response.json()) as Record<string, unknown>;
  };

  const answer = async ({ id, method, params }: Call): Promise<unknown> => {
    rpc.heard.push(method);
    const asOf = frozenAt === null ? params : params.map((it) => seenFrom(it, frozenAt ?? 0));
    const truth = async () => hideAfter(frozenAt, (await ask(method, asOf))['result']);
    const lie = rpc.lies.get(method);
    if (lie !== undefined) {
      const told = await lie(params, truth as () => Promise<Record<string, unknown> | null>);
      if (told instanceof Error) return { jsonrpc: '2.0', id, error: { code: 3, message: told.message } };
      if (told !== undefined) return { jsonrpc: '2.0', id, result: told };
    }
    const { result, error } = await ask(method, asOf);
    return error === undefined
      ? { jsonrpc: '2.0', id, result: hideAfter(frozenAt, result) }
      : { jsonrpc: '2.0', id, error };
  };

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    if (rpc.mode === 'away') return void request.socket.destroy();
    if (rpc.mode === 'silent') return;
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const calls = JSON.parse(Buffer.concat(chunks).toString()) as readonly Call[];
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(await Promise.all(calls.map(answer))));
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const rpc: FalseRpc = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lies: new Map(),
    heard: [],
    mode: 'up',
    node,
    async freeze() {
      frozenAt = Number((await ask('eth_blockNumber', []))['result']);
    },
    thaw() {
      frozenAt = null;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return rpc;
}

function seenFrom(param: unknown, head: number): unknown {
  return param === 'latest' ? `0x${head.toString(16)}` : param;
}

/** A block, or a receipt, that it has not come to yet is none. */
function hideAfter(head: number | null, result: unknown): unknown {
  if (head === null || typeof result !== 'object' || result === null || Array.isArray(result)) return result;
  const { number, blockNumber } = result as Record<string, unknown>;
  return Number(number ?? blockNumber ?? 0) > head ? null : result;
}
