// Benches `check-key` and `check-signature`: what proving a caller costs beyond the one look-up that has to be made, since a revocation holds
// at once. The baseline is an empty round trip to the same database, and 0.15 ms.
import { randomBytes } from 'node:crypto';
import { Pool } from 'pg';
import type { Actor, PresentedSignature } from '#engine';
import { createAdministration, createCredentialChecks, signRequest, type CredentialChecks } from '#postgres';
import { createVault } from '#runtime';
import { median, type Bench } from './bench.js';
import { BenchStack } from './support/stack.js';

const CALLS = 2_000;
const MAY_ADD_MS = 0.15;
const FACTS = { ip: '203.0.113.7' };
const BY: Actor = { type: 'system', id: 'bench' };
/** As an agent's payment. */
const BODY = JSON.stringify({
  paymentRequirement: {
    amount: '0.05',
    currency: 'USDC',
    network: 'base',
    recipient: '0x209693bc6afc0c5328ba36faf03c514ef312287c',
    resource: 'https://shop.example/report',
  },
});

interface Checked {
  readonly checks: CredentialChecks;
  readonly key: string;
  readonly secret: string;
  readonly agentId: string;
}

/** Makes the request that is checked, beside the clock. */
type Ready = (checked: Checked) => () => Promise<{ readonly ok: boolean }>;

export const checkKeyBench = benchOf('check-key', ({ checks, key }) => {
  return () => checks.key({ kind: 'key', key }, FACTS);
});

export const checkSignatureBench = benchOf('check-signature', ({ checks, secret, agentId }) => {
  const presented = signed(agentId, secret);
  return () => checks.hmac(presented, FACTS);
});

function benchOf(name: string, ready: Ready): Bench {
  return {
    name,
    unit: 'ms',
    floor: { at_most: 1 },
    runs: 9,
    setUp: async () => {
      const stack = await BenchStack.start();
      const pool = new Pool({ connectionString: stack.databases.system, max: 4 });
      try {
        const checked = await prepare(pool);
        const empty = async (): Promise<unknown> => {
          // After the sockets that are readable now, as every look-up here.
          await new Promise((resolve) => setImmediate(resolve));
          return pool.query({ name: 'bench_empty', text: 'SELECT $1::int', values: [1] });
        };
        return {
          pair: async () => {
            const took = { ours: [] as number[], baseline: [] as number[] };
            for (let n = 0; n < CALLS; n += 1) {
              const check = ready(checked);
              took.baseline.push(await timed(empty));
              took.ours.push(
                await timed(async () => {
                  if (!(await check()).ok) throw new Error('the credential was refused');
                }),
              );
            }
            return { ours: median(took.ours), baseline: median(took.baseline) + MAY_ADD_MS };
          },
          close: async () => {
            await checked.checks.close();
            await pool.end();
            await stack.stop();
          },
        };
      } catch (error) {
        await pool.end();
        await stack.stop();
        throw error;
      }
    },
  };
}

async function prepare(pool: Pool): Promise<Checked> {
  const vault = createVault({ version: 1, key: randomBytes(32) });
  const admin = createAdministration(pool, { keyEnvironment: 'test', vault });
  const { workspaceId } = await admin.workspaces.create({ name: 'bench', dualControl: false }, BY);
  const { agentId } = await admin.agents.create(workspaceId, { name: 'buyer' }, BY);
  const wanted = { role: 'agent', agentId, person: 'bench', label: '', expiresInSec: null } as const;
  const narrow = { scopes: ['agent:payments:write'], allowedIps: ['203.0.113.0/24'] } as const;
  const key = await admin.keys.create(workspaceId, { ...wanted, ...narrow }, BY);
  const secret = await admin.keys.create(workspaceId, { ...wanted, ...narrow, kind: 'hmac' }, BY);
  const checks = createCredentialChecks(pool, { keyEnvironment: 'test', vault });
  return { checks, key: key.secret, secret: secret.secret, agentId };
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await call();
  return performance.now() - startedMs;
}

function signed(agentId: string, secret: string): PresentedSignature {
  const at = {
    method: 'POST',
    path: `/v1/agents/${agentId}/x402-pay`,
    timestamp: String(Math.floor(Date.now() / 1000)),
  };
  return {
    kind: 'hmac',
    agentId,
    ...at,
    body: Buffer.from(BODY),
    parsed: JSON.parse(BODY) as unknown,
    signature: signRequest(secret, { ...at, body: BODY }),
  };
}
