// Shapes of answers about stops.
import {
  atomic,
  flag,
  int,
  list,
  maybeObject,
  maybeText,
  object,
  oneOf,
  page,
  ref,
  text,
  time,
} from '../http/openapi-words.js';

const stop = {
  stop_id: text,
  scope: oneOf(['global', 'workspace', 'agent', 'payee', 'host']),
  everywhere: flag,
  'agent_id?': text,
  'payee?': text,
  'network?': maybeText,
  'host?': text,
  since: time,
  by: maybeObject({ person: text, type: text, id: text }),
  reason: maybeText,
  final: flag,
  cancel_on_chain: flag,
  carried_out: flag,
};

export const STOPS = {
  Stop: object(stop),
  Stops: page('Stop'),
  Paused: object({
    paused: { const: true },
    ...stop,
    released_approvals: int,
    still_live: list(ref('LiveAuthorization')),
    more_live: flag,
    too_late: list(text),
    unreadable: list(text),
  }),
  LiveAuthorization: object({
    operation_id: text,
    agent_id: text,
    network: text,
    token: text,
    to: text,
    value: atomic,
    valid_before: time,
    cancellation: { type: ['string', 'null'], enum: ['requested', 'too_late', null] },
  }),
  Resumed: object({ paused: { const: false }, scope: text }),
} as const;
