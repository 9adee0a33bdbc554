import { Nested, OneOf, Text } from '../../http/fields.js';
import { PageQuery } from './paging.js';
import { SignedDto, StampedDto } from './stamped.js';

export const SHOWN_STATUSES = ['pending_approval', 'approved', 'rejected', 'expired'] as const;
const ASKED = ['pending', ...SHOWN_STATUSES] as const;

export class ApprovalsQuery extends PageQuery {
  @OneOf(ASKED, { optional: true, about: 'only these; pending and pending_approval are one' })
  status?: (typeof ASKED)[number];
}

export class DecideDto extends SignedDto {
  @Nested(StampedDto, { optional: true, about: 'the signed activity, under its third name' })
  stamped_request?: StampedDto;

  @Text({
    optional: true,
    max: 64,
    pattern: /^[0-9a-f]{64}$/,
    about: "instead of a stamp, with an approver's own key: of the approval as it was looked at",
  })
  digest?: string;
}

export class RejectDto {
  @Text({ optional: true, max: 500, about: 'kept with the decision' })
  reason?: string;
}
