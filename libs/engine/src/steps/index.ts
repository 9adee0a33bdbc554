// Which handler performs which step; a new step without a handler does not compile.
import type { StepKind } from '#domain';
import { confirmTerms } from './confirm-terms.js';
import { expireApproval, requestApproval, reserve } from './gate.js';
import { prepare } from './prepare.js';
import { present } from './present.js';
import { quote } from './quote.js';
import { sign } from './sign.js';
import type { StepHandler } from './step.js';

type WorkingKind = Exclude<StepKind, 'wait' | 'stop'>;

export const STEPS: { readonly [K in WorkingKind]: StepHandler } = {
  quote: { needsDurable: false, run: quote },
  reserve: { needsDurable: false, run: reserve },
  request_approval: { needsDurable: false, run: requestApproval },
  confirm_terms: { needsDurable: true, run: confirmTerms },
  prepare: { needsDurable: false, run: prepare },
  // S3: no signature before its exact tuple is committed.
  sign: { needsDurable: true, run: sign },
  // The intent counts as "submission started" (ruling 7); the signature's own record may ride with the delivery's.
  present: { needsDurable: false, run: present },
  expire_approval: { needsDurable: false, run: expireApproval },
};
