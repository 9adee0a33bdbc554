import type { ReadStore } from '#engine';
import type pg from 'pg';
import { readApprovalItem, readApprovalItems } from './approval-items.js';
import { countAgentAudit, readAgentAudit } from './agent-audit.js';
import { readApproval, readApprovals } from './approvals.js';
import { readAudit } from './audit.js';
import { readBalances, readBudgets, readSelfUsage, readSpend } from './money.js';
import { readEvents, readOperation, readOperations } from './operations.js';
import { createReader } from './reader.js';
import { readUsage } from './usage.js';
import { readTransactions } from './transactions.js';

export { createReader, createReaderPool, type Query, type Read, type ReaderPoolOptions } from './reader.js';

/** The pool comes from `createReaderPool`; the caller ends it. */
export function createReadStore(pool: pg.Pool): ReadStore {
  const read = createReader(pool);
  return {
    operations: (workspaceId, filter, page) => readOperations(read, workspaceId, { filter, page }),
    operation: (workspaceId, operationId, agentId) =>
      readOperation(read, workspaceId, { operationId, agentId }),
    events: (workspaceId, operationId, agentId) => readEvents(read, workspaceId, { operationId, agentId }),
    transactions: (workspaceId, filter, at) => readTransactions(read, workspaceId, { filter, ...at }),
    approvals: (workspaceId, filter, page) => readApprovals(read, workspaceId, { filter, page }),
    approvalItems: (workspaceId, filter, page) => readApprovalItems(read, workspaceId, { filter, page }),
    approvalItem: (workspaceId, approvalId) => readApprovalItem(read, workspaceId, approvalId),
    approval: (workspaceId, approvalId) => readApproval(read, workspaceId, approvalId),
    balances: (workspaceId, filter) => readBalances(read, workspaceId, filter),
    budgets: (workspaceId, agentId) => readBudgets(read, workspaceId, agentId),
    selfUsage: (workspaceId, agentId, unit) => readSelfUsage(read, workspaceId, { agentId, unit }),
    usage: (workspaceId, agentId, page) => readUsage(read, { workspaceId, agentId }, page),
    spend: (workspaceId, range) => readSpend(read, workspaceId, range),
    agentAudit: (workspaceId, agentId, asked) => readAgentAudit(read, { workspaceId, agentId }, asked),
    agentAuditCount: (workspaceId, agentId, filter) =>
      countAgentAudit(read, { workspaceId, agentId }, filter),
    audit: (workspaceId, page) => readAudit(read, workspaceId, page),
  };
}
