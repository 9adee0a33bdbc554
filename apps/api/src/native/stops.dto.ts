import { Address, Flag, Text } from '../http/fields.js';
import { HOST } from './rules.dto.js';

const CAIP2 = /^eip155:[1-9][0-9]{0,15}$/;

export class PauseDto {
  @Text({ optional: true, max: 500, about: 'kept with the stop, and with what it cancels' })
  reason?: string;

  @Flag({
    optional: true,
    about: 'also ask the chain to kill what is still live, where it is of a kind that can be killed',
  })
  cancel_on_chain?: boolean;
}

/** Either a payee or a host. */
export class StopDto extends PauseDto {
  @Address({ optional: true, about: 'nothing is paid to this address' })
  payee?: string;

  @Text({
    optional: true,
    max: 32,
    pattern: CAIP2,
    about: 'of a payee: only on this network; on all when absent',
    example: 'eip155:8453',
  })
  network?: string;

  @Text({
    optional: true,
    max: 260,
    pattern: HOST,
    about: 'nothing is paid at this host; *. stops all below it',
  })
  host?: string;
}
