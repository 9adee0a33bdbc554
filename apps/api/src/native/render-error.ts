import { ERRORS, suggestionFor, type ErrorCode, type ErrorDetails } from '#domain';

/** An error as it stands in an answer, with what would make the request pass. */
export const renderError = ({
  code,
  details,
}: {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
}) => ({
  code,
  message: ERRORS[code].says,
  details,
  suggestion: suggestionFor(code, details),
});
