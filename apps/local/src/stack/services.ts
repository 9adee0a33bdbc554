import type { Address } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { prepareChain } from '../chain.js';
import type { SellersSettings } from '../sellers/main.js';
import { startAnvil, startPostgres, startRedis } from '../services/index.js';
import type { Supervisor } from '../supervisor.js';
import { SELLER_NAMES, type Ports, type Secrets, type SellerName, type StackFolder } from './folder.js';
import type { StackOptions } from './options.js';
import { answersOk, startProcess } from './process.js';

/** Where the stack's foundations are reached. */
export interface ServiceUrls {
  /** The superuser's: for migrations and for making the roles everything else connects as. */
  readonly postgresUrl: string;
  readonly redisUrl: string;
  readonly rpcUrl: string;
}

export interface Place {
  readonly folder: StackFolder;
  readonly ports: Ports;
  readonly secrets: Secrets;
}

/** Starts PostgreSQL, Redis (unless REDIS_URL names one) and the chain, with the contracts in place. */
export async function startServices(
  supervisor: Supervisor,
  { folder, ports, secrets }: Place,
  options: StackOptions,
): Promise<ServiceUrls> {
  const givenRedis = process.env['REDIS_URL'];
  const [postgres, redis, chain] = await Promise.all([
    supervisor.run('postgres', () =>
      startPostgres({
        dataDir: folder.postgresData,
        port: ports.postgres,
        password: secrets.postgresPassword,
        logFile: folder.log('postgres'),
      }),
    ),
    givenRedis === undefined
      ? supervisor.run('redis', () =>
          startRedis({
            dataDir: folder.within('redis'),
            port: ports.redis,
            logFile: folder.log('redis'),
          }),
        )
      : { url: givenRedis },
    supervisor.run('chain', async () => {
      const node = await startAnvil({
        port: ports.chain,
        mining: options.mining,
        ...(options.blockGas === undefined ? undefined : { blockGas: options.blockGas }),
        stateFile: folder.within('chain', 'state.json'),
        logFile: folder.log('chain'),
      });
      // Also after a kill within the chain's first second, before anything was saved.
      await prepareChain(node.url);
      return node;
    }),
  ]);
  return { postgresUrl: postgres.url, redisUrl: redis.url, rpcUrl: chain.url };
}

export type Sellers = Readonly<Record<SellerName, { readonly url: string; readonly payTo: Address }>>;

const SLOW_SELLER_DELAY_MS = 3_000;

/** Where the demo sellers will be: known before they run, because buyers must be allowed to reach them. */
export function sellersOf({ ports, secrets }: Place): Sellers {
  const describe = (name: SellerName): Sellers[SellerName] => ({
    url: `http://127.0.0.1:${ports.sellers[name]}`,
    payTo: privateKeyToAddress(secrets.sellerKeys[name]),
  });
  return Object.fromEntries(SELLER_NAMES.map((name) => [name, describe(name)])) as unknown as Sellers;
}

/** Those with a facilitator of their own, or those whose facilitator is this. */
export async function startSellers(
  supervisor: Supervisor,
  place: Place,
  { rpcUrl, facilitator }: Pick<SellersSettings, 'rpcUrl' | 'facilitator'>,
): Promise<void> {
  const names = SELLER_NAMES.filter((name) => (name === 'facilitated') === (facilitator !== undefined));
  const settings: SellersSettings = {
    rpcUrl,
    slowDelayMs: SLOW_SELLER_DELAY_MS,
    ...(facilitator === undefined ? {} : { facilitator }),
    sellers: Object.fromEntries(
      names.map((name) => [
        name,
        { port: place.ports.sellers[name], broadcastKey: place.secrets.sellerKeys[name] },
      ]),
    ),
  };
  const urls = names.map((name) => sellersOf(place)[name].url);
  await supervisor.run('sellers', () =>
    startProcess({
      entry: 'apps/local/src/sellers/main.js',
      env: { SELLERS: JSON.stringify(settings) },
      logFile: place.folder.log(facilitator === undefined ? 'sellers' : 'facilitated-sellers'),
      url: urls[0] ?? '',
      ready: async () => {
        const answers = await Promise.all(urls.map((url) => answersOk(`${url}/counters`)()));
        return answers.every(Boolean);
      },
      stopTimeoutMs: 3_000,
    }),
  );
}
