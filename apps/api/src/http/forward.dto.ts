import { Base64, Headers, OneOf, RequestBody } from './fields.js';
import { METHODS } from './forward.js';

/** What is sent to the seller, beside its URL. */
export abstract class ForwardDto {
  @OneOf(METHODS, { optional: true, about: 'method of the request to the seller; GET when absent' })
  method?: (typeof METHODS)[number];

  @Headers({
    optional: true,
    about: 'headers for the seller: accept, accept-language, content-type, user-agent, x-*',
  })
  headers?: Record<string, string>;

  @RequestBody({ optional: true, about: 'body for the seller: text as it is, or JSON' })
  body?: string | object;

  @Base64({ optional: true, about: 'body for the seller when it is binary; instead of `body`' })
  body_base64?: string;
}
