// The client in a world that has the web's globals and nothing of Node: bundled, loaded and used there.
import { createContext, Script } from 'node:vm';
import { build, type Rollup } from 'vite';
import { beforeAll, describe, expect, it } from 'vitest';
import { anOperation, json, Script as Lines } from '../support/scripted-purser.js';

/** What browsers, workers and Node 20 have in common; a name outside it is a ReferenceError in there. */
const WEB = {
  AbortController,
  AbortSignal,
  FormData,
  Headers,
  Request,
  Response,
  TextDecoder,
  URL,
  atob,
  btoa,
  clearTimeout,
  crypto,
  setTimeout,
};

let bundle: string;
beforeAll(async () => {
  const built = (await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: true,
      lib: { entry: 'libs/sdk/src/index.ts', formats: ['iife'], name: 'sdk' },
    },
  })) as Rollup.RollupOutput[];
  bundle = built[0]?.output[0].code ?? '';
});

describe('the client without Node', () => {
  it('loads, buys and refuses with the web’s globals alone', async () => {
    const purser = new Lines(json(201, anOperation()));
    const shop = new Lines(json(402, {}));
    const fetch = (input: string | URL | Request, init?: RequestInit) =>
      (String(input).startsWith('https://purser.example') ? purser : shop).fetch(input, init);
    const context = createContext({ ...WEB, fetch });
    new Script(bundle).runInContext(context);
    const program = `(async () => {
      const purser = new sdk.Purser({ baseUrl: 'https://purser.example', apiKey: 'k' });
      const response = await sdk.x402Fetch(purser, 'https://shop.example/item', { method: 'POST', body: 'ä', maxAmount: 1n });
      const refused = await sdk.x402Fetch(purser, 'https://shop.example/item', { maxAmount: 'x' }).catch((error) => error.code);
      return [typeof process, typeof Buffer, typeof require, await response.text(), sdk.operationOf(response).status, refused];
    })()`;
    shop.add(json(402, {}));
    expect(Array.from(await (new Script(program).runInContext(context) as Promise<unknown[]>))).toEqual([
      'undefined',
      'undefined',
      'undefined',
      '{"report":"42"}',
      'provisional',
      'invalid_argument',
    ]);
    expect(JSON.parse(purser.sent[0]?.body ?? '')).toMatchObject({ body: 'ä' });
  });

  it('stays small', () => {
    expect(bundle.length).toBeLessThan(20_000);
  });
});
