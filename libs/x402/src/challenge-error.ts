/** Why a 402 answer cannot be read. Stable: shown to callers as the reason of `unpayable_challenge`. */
export type ChallengeFault =
  | 'no_terms'
  | 'malformed_base64'
  | 'malformed_json'
  | 'malformed_terms'
  | 'duplicate_key'
  | 'json_too_deep'
  | 'header_too_large'
  | 'body_too_large'
  | 'too_many_offers'
  | 'ambiguous_header'
  | 'header_and_body_disagree'
  | 'unsupported_version';

/** The only thing the readers in this library throw. It holds nothing of the seller's text. */
export class ChallengeError extends Error {
  readonly code: ChallengeFault;

  constructor(code: ChallengeFault) {
    super(code);
    this.name = 'ChallengeError';
    this.code = code;
  }
}
