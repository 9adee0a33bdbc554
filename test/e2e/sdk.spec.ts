// The client as a stranger gets it: packed, installed into an empty folder without a registry, and the examples of its README run against a
// real stack. And what it promises across a crash.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chargesOf } from '../support/chain.js';
import { freshKey } from './support/client.js';
import { ROOT, TestStack } from './support/stack.js';

const run = promisify(execFile);
const SOURCE = join(ROOT, 'libs/sdk');

let stack: TestStack;
let folder: string;
beforeAll(async () => {
  stack = await TestStack.start({ blockTime: 1 });
  folder = mkdtempSync(join(tmpdir(), 'purser-sdk-'));
  await run('npm', ['pack', '--pack-destination', folder], { cwd: SOURCE });
  const [tarball = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${tarball}`], { cwd: folder });
});
afterAll(async () => {
  await stack?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

function environment(): NodeJS.ProcessEnv {
  const { apiUrl, agent, approver, adminKey, sellers } = stack.file;
  return {
    ...process.env,
    PURSER_URL: apiUrl,
    PURSER_AGENT_KEY: agent.apiKey,
    PURSER_APPROVER_KEY: approver.token,
    PURSER_ADMIN_KEY: adminKey,
    AGENT_ID: agent.id,
    SHOP_URL: sellers['v2']?.url,
  };
}

async function told(name: string, source: string): Promise<string[]> {
  writeFileSync(join(folder, name), source);
  const { stdout, stderr } = await run(process.execPath, [name], { cwd: folder, env: environment() });
  expect(stderr).toBe('');
  return stdout.trimEnd().split('\n');
}

const charges = async (): Promise<number> =>
  (await chargesOf(stack.file.walletAddress, stack.file.rpcUrl)).length;

describe('the package', () => {
  it('brings nothing along, neither dependencies nor sources', () => {
    const installed = join(folder, 'node_modules/@purser/sdk');
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as object;
    expect(Object.keys(manifest)).not.toContain('dependencies');
    expect(readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
      '@purser',
    ]);
    expect(readdirSync(installed).sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json']);
  });

  it('has types that hold without any of ours', async () => {
    const program = `
      import { Purser, PurserError, x402Fetch, type Operation } from '@purser/sdk';
      const purser = new Purser({ baseUrl: 'https://purser.example', apiKey: 'k' });
      export async function f(): Promise<Operation['status']> {
        const response: Response = await x402Fetch(purser, 'https://shop.example', { maxAmount: 1n });
        // @ts-expect-error a ceiling is always named
        await x402Fetch(purser, 'https://shop.example', {}).catch((error: PurserError) => error.code);
        for await (const { amount } of purser.operations.list({ status: 'settled' })) amount?.length;
        // @ts-expect-error there is no such status
        await purser.operations.page({ status: 'paid' });
        return (await purser.operations.get(response.url)).status;
      }`;
    writeFileSync(join(folder, 'typed.ts'), program);
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--types', ''];
    const compiler = join(ROOT, 'node_modules/typescript-native/bin/tsc');
    await run(process.execPath, [compiler, ...options, '--lib', 'es2022,dom', 'typed.ts'], { cwd: folder });
  });
});

describe('the README', () => {
  const examples = [...readFileSync(join(SOURCE, 'README.md'), 'utf8').matchAll(/```ts\n(.*?)```/gs)].map(
    ([, source]) => source ?? '',
  );
  const example = (number: number) => told(`example-${number}.mjs`, examples[number - 1] ?? '');

  it('has three examples', () => {
    expect(examples).toHaveLength(3);
  });

  it('buys the weather, and again without paying again', async () => {
    const before = await charges();
    const lines = await example(1);
    expect(lines.join(' ')).toMatch(/Aarhus.*paid: true.*amount: '10000'/);
    expect(await example(1)).toEqual(lines);
    expect(await charges()).toBe(before + 1);
  });

  it('waits for a person, who approves', async () => {
    const lines = await example(2);
    expect(lines[0]).toMatch(/^waits for a person: [0-9a-f-]{36}$/);
    expect(lines[1]).toMatch(/^demo-agent pays 0.25(0000)? USDC to 127.0.0.1(:[0-9]+)?$/);
    expect(lines.at(-1)).toBe('Wholesale power, weekly');
  });

  it('asks prices, sets budgets, reads history', async () => {
    const lines = await example(3);
    expect(lines[0]).toBe('10000 eip155:84532 at once');
    expect(lines[1]).toMatch(/^settled 0x[0-9a-f]{64}$/);
    expect(lines.join('\n')).toMatch(/per_payment: 0 of 250000/);
    expect(lines.at(-1)).toMatch(/\/(weather|report) settled (10000|250000)$/);
  });
});

describe('a caller that is killed', () => {
  it('gets what it bought by asking again with the same key, and has paid once', async () => {
    const key = freshKey('crash');
    const source = `
      import { appendFileSync } from 'node:fs';
      import { Purser, x402Fetch } from '@purser/sdk';
      const purser = new Purser({ baseUrl: process.env.PURSER_URL, apiKey: process.env.PURSER_AGENT_KEY });
      const shop = (...args) => (appendFileSync('asked', '.'), fetch(...args));
      const init = { maxAmount: 10_000n, idempotencyKey: ${JSON.stringify(key)}, fetch: shop };
      process.send?.('begins');
      const response = await x402Fetch(purser, process.env.SHOP_URL + '/weather', init);
      console.log((await response.json()).city);`;
    writeFileSync(join(folder, 'crash.mjs'), source);
    const before = await charges();
    for (const ms of [20, 60, 120, 250]) {
      const child = spawn(process.execPath, ['crash.mjs'], {
        cwd: folder,
        env: environment(),
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      });
      await once(child, 'message');
      await new Promise((done) => setTimeout(done, ms));
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    expect(await told('crash.mjs', source)).toEqual(['Aarhus']);
    const asked = readFileSync(join(folder, 'asked'), 'utf8').length;
    expect(await told('crash.mjs', source)).toEqual(['Aarhus']);
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toHaveLength(asked);
    expect(await charges()).toBe(before + 1);
  });
});
