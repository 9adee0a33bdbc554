import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { getMetadataStorage } from 'class-validator';
import { ConfigError, loadConfig, rolePassword } from './config.js';
import { Environment } from './environment.js';

const base = {
  DATABASE_URL: 'postgres://purser_owner:owner-canary@db.example:5433/purser',
  PURSER_DB_PASSWORD: 'database-password-canary',
  REDIS_URL: 'redis://127.0.0.1:6379',
  RPC_URL: 'http://127.0.0.1:8545',
  PURSER_KEYSTORE_PASSPHRASE: 'keystore-passphrase-canary',
  PURSER_DERIVATION_PASSPHRASE: 'derivation-passphrase-canary',
};

function problemsOf(load: () => unknown): readonly string[] {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('configuration', () => {
  it('gives a process the roles it needs and withholds the others', () => {
    const api = loadConfig('api', base);
    expect(api.database.owner).toBeNull();
    expect(api.database.signer).toBeNull();
    expect(api.keystore.passphrase).toBeNull();
    expect(new URL(api.database.writer ?? '').username).toBe('purser_writer');
    const signer = loadConfig('signer', base);
    expect(signer.database.writer).toBeNull();
    expect(signer.redis.url).toBeNull();
    expect(new URL(signer.database.signer ?? '').password).toBe(
      rolePassword(base.PURSER_DB_PASSWORD, 'signer'),
    );
    expect(new URL(signer.database.signer ?? '').host).toBe('db.example:5433');
  });

  it('gives the passwords of all roles but the owner to whoever migrates, and to nobody else', () => {
    const migrate = loadConfig('migrate', base);
    expect(Object.keys(migrate.rolePasswords)).toEqual([
      'purser_writer',
      'purser_system',
      'purser_reader',
      'purser_signer',
    ]);
    expect(migrate.rolePasswords['purser_signer']).toBe(rolePassword(base.PURSER_DB_PASSWORD, 'signer'));
    expect(loadConfig('api', base).rolePasswords).toEqual({});
    const { PURSER_DB_PASSWORD: _password, ...rest } = base;
    expect(loadConfig('migrate', rest).rolePasswords).toEqual({});
  });

  it('prefers an own role URL over a derived one, and then needs no shared secret', () => {
    const { DATABASE_URL: _url, PURSER_DB_PASSWORD: _password, ...rest } = base;
    const config = loadConfig('signer', { ...rest, PURSER_DB_SIGNER_URL: 'postgres://s:p@db/purser' });
    expect(config.database.signer).toBe('postgres://s:p@db/purser');
  });

  it('names every problem at once and never a value', () => {
    const wrong = {
      DATABASE_URL: 'mysql://canary-1',
      REDIS_URL: 'canary-2',
      PORT: 'canary-3',
      LOG_LEVEL: 'canary-4',
      PURSER_KEYSTORE_PASSPHRASE: 'canary-5',
      PURSER_WORKER_ROLES: 'drive,canary-6',
      RPC_URL: 'canary-7',
    };
    const problems = problemsOf(() => loadConfig('worker', wrong));
    for (const key of Object.keys(wrong)) expect(problems.join('\n')).toContain(`${key}: `);
    expect(problems.join('\n')).toContain('PURSER_DERIVATION_PASSPHRASE: is missing');
    expect(problems.join('\n')).not.toContain('canary');
  });

  it('refuses a production network with fewer than two different RPC URLs', () => {
    const one = { ...base, PURSER_NETWORKS: 'base', RPC_URL: 'https://a.example,https://a.example' };
    expect(problemsOf(() => loadConfig('worker', one))).toEqual([
      'RPC_URLS: "base" needs 2 different RPC URLs or more',
    ]);
    const two = {
      ...base,
      PURSER_NETWORKS: 'base',
      RPC_URL: 'https://a.example',
      RPC_URLS: 'eip155:8453=https://a.example,https://b.example',
    };
    expect(loadConfig('worker', two).networks[0]?.rpcUrls).toEqual([
      'https://a.example',
      'https://b.example',
    ]);
  });

  it('takes RPCs over WebSockets, of which one is no second RPC beside its own HTTP', () => {
    const mixed = {
      ...base,
      PURSER_NETWORKS: 'base,polygon',
      RPC_URL: 'wss://a.example/canary',
      RPC_URLS: 'base=https://b.example;polygon=ws://c.example,wss://user:canary@d.example',
    };
    expect(loadConfig('worker', mixed).networks.map((it) => it.rpcUrls)).toEqual([
      ['wss://a.example/canary', 'https://b.example'],
      ['ws://c.example', 'wss://user:canary@d.example'],
    ]);
    const same = { ...base, PURSER_NETWORKS: 'base', RPC_URL: 'wss://a.example/k,https://a.example/k' };
    expect(problemsOf(() => loadConfig('worker', same))).toEqual([
      'RPC_URLS: "base" needs 2 different RPC URLs or more',
    ]);
    const facilitator = { ...base, PURSER_SETTLE_FACILITATORS: 'local=wss://canary.example' };
    expect(problemsOf(() => loadConfig('worker', facilitator)).join()).toMatch(
      /^PURSER_SETTLE_FACILITATORS: (?!.*canary)/,
    );
  });

  it('refuses unknown networks and two profiles of one chain', () => {
    const problems = problemsOf(() =>
      loadConfig('api', { ...base, PURSER_NETWORKS: 'local,base-sepolia,moon' }),
    );
    expect(problems.join()).toContain('"moon" is not a network profile');
    expect(problems.join()).toContain('same chain');
  });

  it('cannot be changed after it was read', () => {
    const config = loadConfig('api', base);
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.networks[0])).toBe(true);
    expect(Object.isFrozen(config.egress.allow)).toBe(true);
  });

  it('.env.example lists exactly the keys that are read, and is itself accepted', () => {
    const text = readFileSync(new URL('../../../.env.example', import.meta.url), 'utf8');
    const entries = [...text.matchAll(/^#?([A-Z][A-Z0-9_]+)=(.*)$/gm)];
    const read = getMetadataStorage()
      .getTargetValidationMetadatas(Environment, '', false, false)
      .map((it) => it.propertyName);
    expect(new Set(entries.map((it) => it[1]))).toEqual(new Set(read));
    const active = Object.fromEntries(
      [...text.matchAll(/^([A-Z][A-Z0-9_]+)=(.*)$/gm)].map((it) => [it[1], it[2]]),
    );
    for (const process of ['api', 'worker', 'signer', 'migrate'] as const)
      expect(loadConfig(process, active).process).toBe(process);
  });

  it.each(['PURSER_SIGNER_MAX_FEE_PER_GAS', 'PURSER_SIGNER_MAX_GAS_COST'])(
    '.env.example hands %s to both processes that read it',
    (key) => {
      const text = readFileSync(new URL('../../../.env.example', import.meta.url), 'utf8');
      const [, readers] = [...text.slice(0, text.indexOf(`${key}=`)).matchAll(/^# \[(.+?)\]/gm)].at(-1) ?? [];
      expect(readers).toBe('signer, worker');
      for (const process of ['signer', 'worker'] as const) {
        const { signer } = loadConfig(process, { ...base, [key]: '7' });
        expect([signer.maxFeePerGas, signer.maxGasCost]).toContain(7n);
      }
    },
  );
});
