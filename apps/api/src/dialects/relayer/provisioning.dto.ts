import { Address, JsonObject, Nested, Text } from '../../http/fields.js';
import { BudgetDto } from './budgets.dto.js';
import { SignedDto } from './stamped.js';

const NAME = /^[\p{L}\p{N}\p{P}\p{S} ]+$/u;

export class PrepareAgentDto {
  @Text({ min: 1, max: 120, pattern: NAME, about: 'shown to people' })
  name!: string;

  @Text({ optional: true, max: 500, about: 'shown to people' })
  description?: string;

  @Nested(BudgetDto, {
    optional: true,
    about: 'its limits; without payments it may pay nothing until there are some',
  })
  budget?: BudgetDto;

  @Address({ optional: true, about: "ignored: the agent's wallet is made here, and its key stays here" })
  wallet_address?: string;

  @Text({ optional: true, max: 64, about: 'ignored: one wallet serves every network' })
  chain_id?: string;

  @JsonObject({ optional: true, about: 'ignored' })
  metadata?: Record<string, unknown>;
}

export class ConfirmUserDto extends SignedDto {
  @Text({ optional: true, max: 30, about: 'the activity that is signed' })
  agentDraftId?: string;

  @Text({ optional: true, max: 30, about: 'the same, under its other name' })
  agentRequestId?: string;
}

export class ConfirmPoliciesDto extends SignedDto {
  @Text({ optional: true, max: 36, about: 'the agent it is for' })
  agentId?: string;

  @Text({ optional: true, max: 30, about: 'the activity that is signed' })
  policiesRequestId?: string;
}
