// No container engine runs these files in our checks: they are read as YAML and compared with what the programs and settings are.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CORE_SCHEMA, load, mergeTag } from 'js-yaml';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

interface ComposeService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
}

const compose = load(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), {
  schema: CORE_SCHEMA.withTags(mergeTag),
}) as {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const ours = Object.entries(compose.services).filter(([, service]) => service.image === 'purser:local');

const holders = (test: (environment: Readonly<Record<string, string>>) => boolean): string[] =>
  ours.filter(([, { environment }]) => test(environment ?? {})).map(([name]) => name);

describe('docker-compose.yml', () => {
  it('runs PostgreSQL 18, Redis 7 and our three processes after migrating, and the operator only when asked', () => {
    const asked = Object.entries(compose.services).filter(([, { profiles }]) => profiles !== undefined);
    expect(asked.map(([name]) => name)).toEqual(['operator']);
    expect(Object.keys(compose.services)).toEqual([
      'postgres',
      'redis',
      'migrate',
      'signer',
      'api',
      'worker',
      'operator',
    ]);
    expect(compose.services['postgres']?.image).toBe('postgres:18');
    expect(compose.services['redis']?.image).toBe('redis:7');
  });

  it('starts only programs that exist', () => {
    expect(ours.map(([name]) => name)).toEqual(['migrate', 'signer', 'api', 'worker', 'operator']);
    for (const [name, { command, entrypoint }] of ours) {
      const program = (command ?? entrypoint)?.find((part) => part.startsWith('dist/')) ?? '';
      const source = program.replace(/^dist\//, '').replace(/\.js$/, '.ts');
      expect(existsSync(join(root, source)), `${name}: ${source}`).toBe(true);
    }
  });

  it('uses only settings that a process reads', () => {
    const example = readFileSync(join(root, '.env.example'), 'utf8');
    for (const [name, { environment }] of ours) {
      for (const key of Object.keys(environment ?? {}))
        expect(example, `${name}: ${key}`).toMatch(new RegExp(`^#?${key}=`, 'm'));
    }
  });

  it('gives the passphrase of the wallets to the signer and the owner of the database to migrate and operator, nobody else', () => {
    expect(holders((it) => 'PURSER_KEYSTORE_PASSPHRASE' in it)).toEqual(['signer']);
    expect(holders((it) => (it['DATABASE_URL'] ?? '').includes('POSTGRES_PASSWORD'))).toEqual([
      'migrate',
      'operator',
    ]);
  });

  it('opens one port, on loopback, and keeps keys and data in named volumes', () => {
    const ports = Object.values(compose.services).flatMap((service) => service.ports ?? []);
    expect(ports).toEqual(['127.0.0.1:${PORT:-3000}:3000']);
    const volumes = Object.values(compose.services).flatMap((service) => service.volumes ?? []);
    for (const volume of volumes) expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
  });

  it('keeps Redis from evicting jobs', () => {
    expect(compose.services['redis']?.command?.join(' ')).toContain('--maxmemory-policy noeviction');
  });
});

it('the Dockerfile builds on the image that the compose file promises', () => {
  expect(readFileSync(join(root, 'Dockerfile'), 'utf8').match(/^FROM \S+/gm)).toEqual([
    'FROM node:24-slim',
    'FROM node:24-slim',
  ]);
});
