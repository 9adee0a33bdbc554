// Everything but a purchase: signing, reading, paging, unknown paths, decisions and limits.
import { GOOD, purchase, type Row } from './row.js';

export const OTHER_CALLS: readonly Row[] = [
  {
    bad: 'bad address',
    call: { ...purchase({ target_url: GOOD.url, pay_to: '0x12', amount: '1' }), path: '/v1/agent/x402/sign' },
    status: 400,
    code: 'validation_failed',
    field: 'pay_to',
  },
  {
    bad: 'malformed operation id',
    call: { path: '/v1/agent/operations/1' },
    status: 400,
    code: 'validation_failed',
    field: 'operation_id',
  },
  {
    bad: 'unknown operation',
    call: { path: '/v1/agent/operations/00000003-0000-4000-8000-000000000009' },
    status: 404,
    code: 'not_found',
  },
  {
    bad: 'native: unknown operation',
    call: { path: '/purser/v1/operations/00000003-0000-4000-8000-000000000009' },
    status: 404,
    code: 'not_found',
  },
  {
    bad: 'foreign cursor',
    call: { path: '/v1/agent/operations?cursor=zzz' },
    status: 400,
    code: 'invalid_cursor',
    field: 'cursor',
  },
  {
    bad: 'limit of 101',
    call: { path: '/v1/agent/operations?limit=101' },
    status: 400,
    code: 'validation_failed',
    field: 'limit',
  },
  {
    bad: 'unknown query field',
    call: { path: '/v1/agent/operations?wait=1' },
    status: 400,
    code: 'validation_failed',
    field: 'wait',
  },
  {
    bad: 'too long a path',
    call: { path: `/purser/v1/operations/${'a'.repeat(300)}` },
    status: 400,
    code: 'validation_failed',
    field: 'body',
  },
  {
    bad: 'a path that is no URL',
    call: { path: '/v1/agent/%zz' },
    status: 400,
    code: 'validation_failed',
    field: 'body',
  },
  { bad: 'unknown route', call: { path: '/v1/agent/nothing' }, status: 404, code: 'not_found' },
  {
    bad: 'reject without a reason',
    call: {
      method: 'POST',
      path: '/purser/v1/approvals/apr_00000000000000000000000001/reject',
      as: 'approver',
      body: {},
    },
    status: 400,
    code: 'validation_failed',
    field: 'reason',
  },
  {
    bad: 'empty limits',
    call: {
      method: 'PUT',
      path: '/purser/v1/workspace/budgets',
      as: 'admin',
      body: { limits: { weekly: '1' } },
    },
    status: 400,
    code: 'validation_failed',
    field: 'limits.weekly',
  },
];
