import { parseAgentId, parseOperationId, parseWorkspaceId } from '#domain';
import { describe, expect, it } from 'vitest';
import { createDerivation } from './derivation.js';

const keyOf = (byte: number) => ({ version: 1, key: Buffer.alloc(32, byte) });
const derivation = createDerivation({ operation: keyOf(1), nonce: keyOf(2) });
const workspaceId = parseWorkspaceId('00000000-0000-4000-8000-000000000001');
const other = parseWorkspaceId('00000000-0000-4000-8000-000000000002');
const agentId = parseAgentId('00000000-0000-4000-8000-00000000000a');
const operationId = parseOperationId('00000000-0000-8000-8000-0000000000ff');

describe('derivation', () => {
  // Stored rows and live authorizations depend on these bytes. If this test fails, the change would let a retry pay twice.
  it('gives the same operation id and nonce for ever', () => {
    expect(derivation.operationId(workspaceId, agentId, 'invoice-1')).toBe(
      'e42e2997-5ebc-8508-abf1-d6755b0c734d',
    );
    expect(derivation.authorizationNonce(workspaceId, operationId)).toBe(
      '0x2e2734d405d121cfa3ad7ed863172b5ae14e902d71afaac08d58e10ebd87b412',
    );
  });

  it('gives an operation id that is a version 8 UUID', () => {
    expect(derivation.operationId(workspaceId, agentId, 'k')).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it('keeps workspaces, agents, keys and key material apart', () => {
    const elsewhere = createDerivation({ operation: keyOf(3), nonce: keyOf(4) });
    const ids = new Set([
      derivation.operationId(workspaceId, agentId, 'k'),
      derivation.operationId(other, agentId, 'k'),
      derivation.operationId(workspaceId, parseAgentId(other), 'k'),
      derivation.operationId(workspaceId, agentId, 'k '),
      elsewhere.operationId(workspaceId, agentId, 'k'),
    ]);
    expect(ids.size).toBe(5);
    expect(derivation.authorizationNonce(other, operationId)).not.toBe(
      derivation.authorizationNonce(workspaceId, operationId),
    );
  });
});
