import { OneOf, Text } from '../../http/fields.js';

export const AGENT_STATUSES = ['active', 'paused', 'pending_policies', 'killed'] as const;
export const SETTABLE = ['active', 'paused', 'suspended', 'draining', 'killed'] as const;

export class AgentStatusDto {
  @OneOf(SETTABLE, {
    about: 'suspended and draining are paused here: nothing new is signed, what is signed goes on',
  })
  status!: (typeof SETTABLE)[number];
}

export class ReasonDto {
  @Text({ optional: true, max: 500, about: 'kept with it' })
  reason?: string;
}
