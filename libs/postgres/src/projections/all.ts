import { approvalsProjection } from './approvals.js';
import { auditProjection } from './audit.js';
import { balancesProjection } from './balances.js';
import { operationsProjection } from './operations.js';
import type { Projection } from './projection.js';
import { spendProjection } from './spend.js';

export const PROJECTIONS: readonly Projection[] = [
  operationsProjection,
  balancesProjection,
  spendProjection,
  approvalsProjection,
  auditProjection,
];
