// A node that has lost its memory: started anew under the same chain id, or from an older state. Nothing is sent to it, nothing is called failed, and
// when the true chain is back all goes on.
import { createBroadcastChain, createEvmRpc } from '#evm';
import type { SignedTransfer } from '#engine';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startAnvil, type Service } from '../../../apps/local/src/services/index.js';
import { startFalseRpc, type FalseRpc } from '../../support/false-rpc.js';
import { panelOf } from '../../support/panel.js';
import { NETWORK, startSettling, type Payer, type Settling } from '../../support/settling.js';

let settling: Settling;
let payer: Payer;
let other: Service;
let rpc: FalseRpc;
let nowMs: number;

const mine = (blocks: number) => settling.node('anvil_mine', `0x${blocks.toString(16)}`);
const viewOf = async (transfer: SignedTransfer) => (await settling.desk.find(transfer)) ?? expect.fail();

beforeEach(async () => {
  settling = await startSettling({ mining: 'automine', slotsInAnEpoch: 8 });
  other = await startAnvil({ mining: 'automine', slotsInAnEpoch: 8 });
  rpc = await startFalseRpc(settling.url);
  payer = await settling.aPayer();
  nowMs = Date.now();
  const chain = aChain();
  const { number } = await chain.latest();
  await settling.bench.owner.query(
    'INSERT INTO chain_cursor (network, genesis_hash, scanned_to, finalized_to) VALUES ($1, $2, $3, $3)',
    [NETWORK, await chain.genesisHash(), number],
  );
});
afterEach(async () => {
  rpc.close();
  await other.stop();
  await settling.close();
});

function say(fields: Record<string, unknown>): void {
  if (typeof fields['alarm'] === 'string') settling.lines.alarms.push(fields['alarm']);
}

/** As another process sees it: knowing nothing of the chain but what is in the database. */
function aChain() {
  const panel = panelOf([createEvmRpc({ url: rpc.url, chainId: 84532 })], {
    nowMs: () => nowMs,
    logger: { info: say, warn: say, error: say },
  });
  return createBroadcastChain({ panel, finality: { kind: 'tag' } });
}

const aBroadcaster = () => settling.broadcaster({ chain: aChain(), nowMs: () => nowMs });

/** The same process, or another that starts meanwhile. */
it.each(['the same process', 'another process'])(
  '%s refuses a chain that began anew, and goes on when the true one is back',
  async (who) => {
    const running = aBroadcaster();
    await running.turn();
    await settling.node('evm_setAutomine', false);
    const sent = payer.authorize();
    await settling.claim(sent);
    await running.turn();
    const waiting = payer.authorize();
    const hopeless = payer.authorize({ validBeforeSec: 1_000 });
    await Promise.all([waiting, hopeless].map((it) => settling.claim(it)));

    rpc.node = other.url;
    rpc.heard.length = 0;
    const broadcaster = who === 'the same process' ? running : aBroadcaster();
    for (let turns = 0; turns < 6; turns += 1) {
      nowMs += 6_000;
      await broadcaster.turn().catch(() => broadcaster.forget());
    }
    expect(rpc.heard).not.toContain('eth_sendRawTransaction');
    expect((await viewOf(sent)).status).toBe('broadcast');
    expect(await Promise.all([waiting, hopeless].map(viewOf))).toMatchObject([
      { status: 'waiting' },
      { status: 'waiting' },
    ]);
    // It may have begun in the same second as the true one, and then with the same block.
    expect(['rpc_wrong_chain', 'chain_refused']).toContain(settling.lines.alarms[0]);

    rpc.node = settling.url;
    nowMs += 61_000;
    const ended = await settling.settle(broadcaster, [sent, waiting, hopeless], true);
    expect(ended.map((it) => it.status)).toEqual(['settled', 'settled', 'failed']);
    expect(await settling.chargesOf(payer)).toBe(2);
  },
);

it('a node from an older state, behind what was final, is refused until it has come as far again', async () => {
  const broadcaster = aBroadcaster();
  const transfer = payer.authorize();
  await rpc.freeze();
  await mine(5);
  await settling.bench.owner.query('UPDATE chain_cursor SET finalized_to = finalized_to + 5');
  await settling.claim(transfer);
  await expect(broadcaster.turn()).rejects.toThrow('behind the database');
  expect(settling.lines.alarms).toContain('chain_refused');
  expect(rpc.heard).not.toContain('eth_sendRawTransaction');
  expect((await viewOf(transfer)).status).toBe('waiting');
  rpc.thaw();
  await settling.settle(broadcaster, [transfer]);
  expect(await settling.chargesOf(payer)).toBe(1);
});
