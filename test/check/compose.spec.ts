// No container engine runs these files in our checks: they are read as YAML and compared with what the programs and settings are.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CORE_SCHEMA, load, mergeTag } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { NODE_FLAGS } from '../../apps/local/src/project.js';

const root = resolve(import.meta.dirname, '../..');

interface ComposeService {
  readonly image: string;
  readonly restart?: string;
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

  it('runs the processes that stay with the flags of our own supervisor', () => {
    const staying = ours.filter(([, { restart }]) => restart !== 'no');
    expect(staying.map(([name]) => name)).toEqual(['signer', 'api', 'worker']);
    for (const [name, { command }] of staying) {
      const program = `dist/apps/${name}/src/main.js`;
      expect(command, name).toEqual(['node', ...NODE_FLAGS, program]);
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

describe('the Dockerfile', () => {
  const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');

  it('builds on the image that the compose file promises', () => {
    expect(dockerfile.match(/^FROM \S+/gm)).toEqual(['FROM node:24-slim', 'FROM node:24-slim']);
  });

  it('runs the API with the flags of our own supervisor', () => {
    const [, command = ''] = /^CMD (.*)$/m.exec(dockerfile) ?? [];
    expect(JSON.parse(command)).toEqual(['node', ...NODE_FLAGS, 'dist/apps/api/src/main.js']);
  });
});
