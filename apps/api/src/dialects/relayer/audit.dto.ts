import { OneOf } from '../../http/fields.js';
import { PageQuery } from './paging.js';

export const AUDIT_TYPES = ['budget', 'lifecycle', 'credential', 'approval'] as const;
export const AUDIT_PERIODS = { '24h': 86_400_000, '7d': 7 * 86_400_000, '30d': 30 * 86_400_000 } as const;
export const ANALYTICS_DAYS = { day: 1, week: 7, month: 30 } as const;

export class AuditQuery extends PageQuery {
  @OneOf(AUDIT_TYPES, { optional: true, about: 'only these; everything, payments too, when absent' })
  type?: (typeof AUDIT_TYPES)[number];

  @OneOf(Object.keys(AUDIT_PERIODS), { optional: true, about: 'not older; all when absent' })
  period?: keyof typeof AUDIT_PERIODS;

  @OneOf(['success', 'failed'], { optional: true, about: 'failed: refused, rejected, expired, burned' })
  status?: 'success' | 'failed';
}

export class AnalyticsQuery {
  @OneOf(Object.keys(ANALYTICS_DAYS), {
    optional: true,
    about: 'the last 1, 7 or 30 UTC days; month when absent',
  })
  period?: keyof typeof ANALYTICS_DAYS;
}
