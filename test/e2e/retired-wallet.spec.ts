// Retiring a wallet is told to the signer, so that nobody takes it back by writing to the database.
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHostileSeller, type HostileSeller } from '../support/hostile-seller.js';
import { address, walletId } from '../support/builders.js';
import { Admin, Agent, freshKey } from './support/client.js';
import { ownerUrl, rows } from './support/measure.js';
import { TestStack } from './support/stack.js';

const TOKEN = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';

let stack: TestStack;
let seller: HostileSeller;
let admin: Admin;

beforeAll(async () => {
  seller = await startHostileSeller({ rpcUrl: () => stack.file.rpcUrl, token: TOKEN });
  stack = await TestStack.start({ allow: [seller.host] });
  admin = new Admin(() => stack.file);
});
afterAll(async () => {
  await stack?.stop();
  await seller?.close();
});

const keyFile = (id: string): string => join(stack.home, 'keystore', 'wallets', `${id}.json`);

function keyOf(id: string): { readonly status: string } {
  return JSON.parse(readFileSync(keyFile(id), 'utf8')) as { status: string };
}

const asOwner = (text: string, values: readonly unknown[]) => rows(ownerUrl(stack), text, values);
const retire = (id: string) => admin.call('POST', `/wallets/${id}/retire`);

function purchase() {
  const agent = new Agent(() => stack.file, stack.file.agent);
  return agent.purchase(freshKey('retired'), { url: `${seller.url}/clean/thing`, max_amount: '1000' });
}

describe('retiring a wallet', () => {
  it('is not done while the signer cannot retire its key, and can be asked for again', async () => {
    const { wallet_id: id } = await admin.must('POST', '/wallets', { label: 'second' });
    // The signer touches no key file that others may read.
    chmodSync(keyFile(id), 0o644);
    expect((await retire(id)).status).toBe(503);
    expect(keyOf(id).status).toBe('active');
    chmodSync(keyFile(id), 0o600);
    expect(await retire(id)).toMatchObject({ status: 200, body: { status: 'retired' } });
    expect(keyOf(id).status).toBe('retired');
  });

  it('is done when the signer never had its key', async () => {
    await asOwner(
      `INSERT INTO wallet (workspace_id, wallet_id, address, origin) VALUES ($1, $2, $3, 'created')`,
      [stack.file.workspaceId, walletId(3), address(0xbb)],
    );
    expect(await retire(walletId(3))).toMatchObject({ status: 200, body: { status: 'retired' } });
  });

  it('binds the signer, whatever the database says later', async () => {
    expect((await purchase()).body).toMatchObject({ settled: true });
    const { items } = await admin.must('GET', '/wallets');
    const { wallet_id: id } = items.find((it: { status: string }) => it.status === 'active');
    expect(keyOf(id).status).toBe('active');
    expect((await retire(id)).status).toBe(200);
    expect(keyOf(id).status).toBe('retired');
    await asOwner(`UPDATE wallet SET status = 'active' WHERE wallet_id = $1`, [id]);
    const refused = await purchase();
    expect(refused.body).toMatchObject({ error: { details: { cause: 'signing_refused' } } });
    expect(seller.settled).toBe(1);
    const subject = `${stack.file.workspaceId}/${refused.body.operation_id}`;
    const signed = await asOwner('SELECT digest, reason FROM signer_ledger WHERE subject = $1', [subject]);
    expect(signed).toEqual([{ digest: null, reason: 'wallet_retired' }]);
  });
});
