import { parseApprovalId, parseKeyId, parseWalletId } from '#domain';
import { describe, expect, it } from 'vitest';
import { createIds } from './ids.js';

describe('ids', () => {
  it('are accepted by their parsers', () => {
    const ids = createIds();
    expect(parseApprovalId(ids.approvalId())).toMatch(/^apr_/);
    expect(parseWalletId(ids.walletId())).toMatch(/^wal_/);
    expect(parseKeyId(ids.keyId())).toMatch(/^key_/);
    expect(ids.eventId()).toMatch(/^evt_[0-9a-hjkmnp-tv-z]{26}$/);
    expect(ids.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/);
  });

  it('sort by the time they were made', () => {
    let nowMs = 1_800_000_000_000;
    const ids = createIds({ nowMs: () => (nowMs += 1) });
    const made = Array.from({ length: 500 }, () => ids.walletId());
    expect([...made].sort()).toEqual(made);
    expect(new Set(made).size).toBe(made.length);
  });
});
