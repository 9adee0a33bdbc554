// What a signed request can be used for: one operation, whatever its sender, or whoever has seen it, puts beside it (ruling 27).
import { beforeEach, expect, it } from 'vitest';
import { parseIdempotencyKey, type OperationId } from '#domain';
import {
  PRINCIPAL,
  request,
  tickingInstallation,
  type TickingInstallation,
} from '../../../../test/support/ticking-installation.js';
import { submit, submitAgain, type SignedRequest } from '../index.js';

let purser: TickingInstallation;
beforeEach(async () => {
  purser = tickingInstallation();
  await purser.blocks(1);
});

const FRESH = { digest: 'd'.repeat(64), used: false, operationId: null };
const nextSecond = { digest: 'e'.repeat(64), used: false, operationId: null };

async function ask(
  signed: SignedRequest,
  key: string | null = null,
  run = submitAgain,
): Promise<OperationId> {
  const { operationId } = await run(
    purser.ports,
    { ...PRINCIPAL, signed },
    { key: key === null ? null : parseIdempotencyKey(key), request: request('clean'), body: null },
  );
  return operationId;
}

/** As the authenticator tells it after the request was used. */
const again = (operationId: OperationId) => ({ ...FRESH, used: true, operationId });

it('many at once are one operation, with no key, with one key and with a key each', async () => {
  for (const keyOf of [() => null, () => 'same', (n: number) => `key-${n}`]) {
    purser = tickingInstallation();
    await purser.blocks(1);
    const ids = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(FRESH, keyOf(n))));
    expect(new Set(ids).size).toBe(1);
    expect(purser.database.operations.size).toBe(1);
  }
});

it('sent again after the answer it is still that operation, when the same request signed anew is another', async () => {
  const first = await ask(FRESH);
  await purser.run(first);
  await purser.pass(30_000);
  expect(await ask(again(first))).toBe(first);
  expect(await ask(again(first), 'a-key-of-the-attackers')).toBe(first);
  expect(await ask(nextSecond)).not.toBe(first);
});

it('what it joined binds it too: another key later opens nothing', async () => {
  const first = await ask(FRESH, 'key');
  expect(await ask(nextSecond, 'key')).toBe(first);
  const joined = { ...nextSecond, used: true, operationId: first };
  expect(await ask(joined, 'another')).toBe(first);
  // Before the authenticator could have seen it, the commit itself refuses to open a second one.
  expect(await ask(nextSecond, 'another', submit as typeof submitAgain)).toBe(first);
  expect(purser.database.operations.size).toBe(1);
});

it('a stop uses it up as little as it binds a key', async () => {
  purser.database.setStopped({ kind: 'global' }, true);
  await expect(ask(FRESH)).rejects.toMatchObject({ code: 'system_paused' });
  purser.database.setStopped({ kind: 'global' }, false);
  await ask(FRESH);
  expect(purser.database.operations.size).toBe(1);
});
