// Whatever method a settlement has, the signer signs exactly what the committed rows say of it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEvmAddress } from '#domain';
import type { Fees } from '#engine';
import type { TransferCall } from '#evm';
import { BroadcastSeeds, someTransfer } from '../../support/broadcast.js';
import { NETWORK } from '../../support/builders.js';
import { SignerStage } from '../../support/signer.js';

const FEES: Fees = { maxFeePerGas: 2_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n };
const OTHER = parseEvmAddress(`0x${'22'.repeat(20)}`);

let stage: SignerStage;
let seeds: BroadcastSeeds;
beforeAll(async () => {
  stage = await SignerStage.set();
  const [sender] = await stage.client.broadcastAccounts(NETWORK, 1);
  seeds = new BroadcastSeeds(stage.sql, sender ?? expect.fail('no account'));
});
afterAll(() => stage.strike());

const permit2 = (): TransferCall => ({ ...someTransfer(), method: 'permit2' });
const upto = (facilitator = seeds.sender): TransferCall => ({
  ...someTransfer(),
  method: 'upto',
  ceiling: 50_000n,
  facilitator,
});
const answerTo = async (carried: readonly TransferCall[], settled = carried): Promise<string> => {
  const answer = await stage.client.signBroadcast(await seeds.transfers(carried, { settled }), FEES);
  await stage.sql.query('DELETE FROM settlement');
  return answer.kind === 'signed' ? answer.kind : answer.reason;
};

describe('calls of the Permit2 proxies', () => {
  it('are signed alone, and exact ones with transfers by EIP-3009', async () => {
    expect(await answerTo([permit2()])).toBe('signed');
    expect(await answerTo([upto()])).toBe('signed');
    expect(await answerTo([permit2(), someTransfer(), permit2()])).toBe('signed');
  });

  it.each<[string, () => TransferCall, object]>([
    ['another method', permit2, { method: 'eip3009' }],
    ['a method of other words', permit2, { method: 'cancel' }],
    ['another nonce', permit2, { nonce: `0x${'07'.repeat(32)}` }],
    ['another payee', upto, { to: OTHER }],
    ['a lower charge', upto, { value: 9_999n }],
    ['a higher ceiling', upto, { ceiling: 50_001n }],
    ['no ceiling at all', upto, { method: 'permit2' }],
  ])('are refused when the rows hold %s', async (_case, made, changes) => {
    const call = made();
    expect(await answerTo([call], [{ ...call, ...changes }])).toBe('transfers_mismatch');
  });

  it('are refused where another account would have to send them', async () => {
    expect(await answerTo([upto(OTHER)], [])).toBe('not_the_facilitator');
  });
});
