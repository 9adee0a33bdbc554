// Which handler performs which step; a new step without a handler does not compile.
import type { StepKind } from '#domain';
import { cancel } from './cancel.js';
import { confirmTerms } from './confirm-terms.js';
import { expireApproval, requestApproval, reserve } from './gate.js';
import { prepare } from './prepare.js';
import { present, recordedFirst } from './present.js';
import { quote } from './quote.js';
import { recordedFirst as recordedBeforeSettling, settle } from './settle.js';
import { sign } from './sign.js';
import type { StepHandler } from './step.js';

type WorkingKind = Exclude<StepKind, 'wait' | 'stop'>;

const always = (): boolean => true;
const never = (): boolean => false;

export const STEPS: { readonly [K in WorkingKind]: StepHandler } = {
  quote: { needsDurable: never, run: quote },
  reserve: { needsDurable: never, run: reserve },
  request_approval: { needsDurable: never, run: requestApproval },
  confirm_terms: { needsDurable: always, run: confirmTerms },
  prepare: { needsDurable: never, run: prepare },
  // S3: no signature before its exact tuple is committed.
  sign: { needsDurable: always, run: sign },
  // The intent counts as "submission started" (ruling 7), so the signature's own record may ride with the delivery's; but a request that
  // must not be sent twice leaves that record first, or a crash would forget that it may have been sent (ruling 22).
  present: { needsDurable: recordedFirst, run: present },
  settle: { needsDurable: recordedBeforeSettling, run: settle },
  // The signer looks for the wish in the operation's log.
  cancel: { needsDurable: always, run: cancel },
  expire_approval: { needsDurable: never, run: expireApproval },
};
