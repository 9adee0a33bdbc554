import { ACCESS_SCOPES, type AccessScope } from '#engine';
import { Text, Texts, Uuid } from '../http/fields.js';

const AGENT_SCOPES = ACCESS_SCOPES.filter((scope) => scope.startsWith('agent:'));

export class NewOAuthClientDto {
  @Uuid({ about: 'the one agent it may act for' })
  agent_id!: string;

  @Text({ min: 1, max: 120, pattern: /^[\p{L}\p{N}\p{P}\p{S} ]+$/u, about: 'shown to people' })
  client_name!: string;

  @Texts({
    min: 1,
    pattern: new RegExp(`^(${AGENT_SCOPES.join('|')})$`),
    about: `what it may do there, of ${AGENT_SCOPES.join(', ')}`,
  })
  scopes!: AccessScope[];
}

export class NewOAuthGrantDto extends NewOAuthClientDto {
  @Text({ min: 1, max: 200, pattern: /^[\x21-\x7e]+$/, about: 'as it was registered' })
  client_id!: string;
}
