// What can come of one outbound request.

export interface RawResponse {
  readonly status: number;
  /** Lower-case names; repeated headers are lists. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

export type FailureCode =
  | 'invalid_url'
  | 'invalid_request'
  | 'forbidden_address'
  | 'dns_failed'
  | 'host_busy'
  | 'connect_failed'
  | 'request_failed'
  | 'connection_lost'
  | 'timeout'
  | 'headers_too_large'
  | 'body_too_large'
  | 'encoded_body'
  | 'malformed_response'
  | 'redirected';

export interface Failure {
  readonly kind: 'failure';
  readonly code: FailureCode;
  /** False only when provably no byte of the request left. */
  readonly sent: boolean;
  /** Present when the head of an answer had arrived. */
  readonly status?: number;
  readonly headers?: RawResponse['headers'];
}
