import { parseWorkspaceId } from '#domain';
import { describe, expect, it } from 'vitest';
import { KeystoreError } from './keystore/sealed-file.js';
import { createVault } from './vault.js';

const vault = createVault({ version: 1, key: Buffer.alloc(32, 7) });
const workspaceId = parseWorkspaceId('00000000-0000-4000-8000-000000000001');
const other = parseWorkspaceId('00000000-0000-4000-8000-000000000002');
const plain = Buffer.from('a live payment header');

describe('vault', () => {
  it('opens what it sealed, for the same workspace', () => {
    const sealed = vault.seal(workspaceId, plain);
    expect(Buffer.from(sealed).includes(plain)).toBe(false);
    expect(Buffer.from(vault.open(workspaceId, sealed))).toEqual(plain);
    expect(Buffer.from(vault.open(workspaceId, vault.seal(workspaceId, new Uint8Array())))).toEqual(
      Buffer.alloc(0),
    );
  });

  it('opens nothing of another workspace or another key', () => {
    const sealed = vault.seal(workspaceId, plain);
    expect(() => vault.open(other, sealed)).toThrow(KeystoreError);
    expect(() => createVault({ version: 1, key: Buffer.alloc(32, 8) }).open(workspaceId, sealed)).toThrow(
      KeystoreError,
    );
  });

  it('refuses any changed byte', () => {
    const sealed = vault.seal(workspaceId, plain);
    for (let i = 0; i < sealed.length; i += 1) {
      const changed = Uint8Array.from(sealed);
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(() => vault.open(workspaceId, changed), `byte ${i}`).toThrow(KeystoreError);
    }
    expect(() => vault.open(workspaceId, sealed.subarray(0, 10))).toThrow(KeystoreError);
  });
});
